"""Airflow DAGs of the loans use case (include/use_cases/loans)."""

from leadmill.orchestration import etl, monitor, score, train, tune
from leadmill.spec import load_use_case

loans = load_use_case("loans")
loans_etl = etl(loans)
loans_train = train(loans)
loans_tune = tune(loans)
loans_score = score(loans)
loans_monitor = monitor(loans)
