"""Airflow DAGs of the leads use case (include/use_cases/leads)."""

from leadmill.orchestration import etl, monitor, score, train, tune
from leadmill.spec import load_use_case

leads = load_use_case("leads")
leads_etl = etl(leads)
leads_train = train(leads)
leads_tune = tune(leads)
leads_score = score(leads)
leads_monitor = monitor(leads)
