"""The scoring API beside the stock wiring: Feast's Postgres store and Pipeline.predict_proba in the same FastAPI."""
