"""Airflow DAGs of the X Education use case (include/use_cases/x_education)."""

from leadmill.orchestration import etl, monitor, score, train, tune
from leadmill.spec import load_use_case

x_education = load_use_case("x_education")
x_education_etl = etl(x_education)
x_education_train = train(x_education)
x_education_tune = tune(x_education)
x_education_score = score(x_education)
x_education_monitor = monitor(x_education)
