"""Models in MLflow and the ledger of what was decided about them; the only package that imports mlflow."""
