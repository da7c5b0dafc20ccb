"""Airflow DAGs of the tpv use case (include/use_cases/tpv)."""

from leadmill.orchestration import etl, monitor, score, train, tune
from leadmill.spec import load_use_case

tpv = load_use_case("tpv")
tpv_etl = etl(tpv)
tpv_train = train(tpv)
tpv_tune = tune(tpv)
tpv_score = score(tpv)
tpv_monitor = monitor(tpv)
