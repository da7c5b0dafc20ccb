"""Airflow DAGs of the card fraud use case (include/use_cases/fraud)."""

from leadmill.orchestration import etl, monitor, score, train, tune
from leadmill.spec import load_use_case

fraud = load_use_case("fraud")
fraud_etl = etl(fraud)
fraud_train = train(fraud)
fraud_tune = tune(fraud)
fraud_score = score(fraud)
fraud_monitor = monitor(fraud)
