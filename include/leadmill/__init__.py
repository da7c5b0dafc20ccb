"""leadmill: an Airflow-orchestrated ETL and feature-store platform that scores leads."""

__version__ = "0.1.0"
