"""Airflow DAGs of a use case, one factory per DAG."""

from leadmill.orchestration.etl import etl
from leadmill.orchestration.monitor import monitor
from leadmill.orchestration.score import score
from leadmill.orchestration.train import train
from leadmill.orchestration.tune import tune

__all__ = ["etl", "monitor", "score", "train", "tune"]
