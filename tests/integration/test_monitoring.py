"""A simulated CRM watched: a quiet fortnight raises nothing, a drifted one is found and its features are named."""

from collections.abc import Iterator

import pytest
from added_support import forget_models
from golden_support import forget
from prometheus_client.parser import text_string_to_metric_families
from support import query

from leadmill.demo import crm
from leadmill.monitoring.drift import drift_onset
from leadmill.monitoring.metrics import exposition
from leadmill.orchestration.stages import STAGES
from leadmill.spec import UseCase, load_use_case

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

LEADS, DAYS = 4000, 120
ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish", "materialize")


@pytest.fixture(scope="module")
def use_case(postgres: dict[str, str]) -> Iterator[UseCase]:
    """`leads` with its simplest candidate, trained and scored."""
    forget()
    found = load_use_case("leads")
    model = found.model.model_copy(update={"candidates": ("logistic_regression",)})
    simple = found.model_copy(update={"model": model})
    crm.load(LEADS, DAYS)
    run(simple, *ETL, "train", "score")
    yield simple
    forget()
    forget_models()


def run(use_case: UseCase, *stages: str) -> None:
    for stage in stages:
        STAGES[stage](use_case, f"{stage} in a test")


def later(use_case: UseCase, days: float, drift: bool, name: str) -> None:
    """Days of the CRM, what the DAGs then do, and a look under that name."""
    crm.simulate(days, drift=drift)
    run(use_case, *ETL, "score")
    STAGES["monitor"](use_case, name)


def test_quiet_then_drifted(use_case: UseCase) -> None:
    STAGES["monitor"](use_case, "at once")
    for week in ("first week", "second week"):
        later(use_case, 7, False, week)
    assert query("SELECT * FROM ops.alerts") == []
    judged = query("SELECT run_id, count(*) AS n FROM ops.drift WHERE judged GROUP BY 1 ORDER BY 1")
    subjects = len(use_case.feature_columns) + 1
    assert [(row["run_id"], row["n"]) for row in judged] == [
        (name, subjects) for name in ("at once", "first week", "second week")
    ]

    later(use_case, 10, True, "drifted")
    found = query("SELECT subject, kind FROM ops.alerts WHERE watch = 'drift' AND closed_at IS NULL")
    alerts = {(row["subject"], row["kind"]) for row in found}
    assert {("lead_origin", "distribution"), ("occupation", "missing")} <= alerts
    moved = {subject for subject, _ in alerts}
    # What leads do, which the simulator made less of whatever their kind, shows in nearly all that is counted of it.
    assert {"activities_7d", "active_days_30d"} <= moved
    # What they are, it left as it was, but for these; the source it draws given the origin.
    facts = {column.name for column in use_case.feature_columns if column.fact}
    told = facts | {"age_days", "days_to_start"}
    assert moved & told <= {"lead_origin", "lead_source", "occupation"}
    since = query("SELECT DISTINCT since FROM ops.drift WHERE run_id = 'drifted' AND kind <> 'score'")
    assert [row["since"] for row in since] == [drift_onset(use_case)]

    tables = ("drift", "bands", "alerts", "freshness")
    before = [query(f"SELECT * FROM ops.{table} ORDER BY 1, 2, 3") for table in tables]
    STAGES["monitor"](use_case, "drifted")
    assert [query(f"SELECT * FROM ops.{table} ORDER BY 1, 2, 3") for table in tables] == before


def test_metrics_tell_what_was_found(use_case: UseCase) -> None:
    samples = [one for family in text_string_to_metric_families(exposition()) for one in family.samples]

    def told(name: str, **labels: str) -> list[float]:
        wanted = {"use_case": "leads", **labels}.items()
        return [one.value for one in samples if one.name == f"leadmill_{name}" and wanted <= one.labels.items()]

    assert told("drift_alarm", subject="lead_origin") == [1]
    assert told("drift_alarm", subject="do_not_call") == [0]
    assert told("drift_psi", subject="lead_origin")[0] > 0.2
    assert sum(told("band_ratio")) == pytest.approx(1)
    assert told("stage_age_seconds", stage="publish") < told("stage_deadline_seconds", stage="publish")
    assert told("stage_late", stage="publish") == [0]
    assert told("open_alerts", watch="drift")[0] >= 2
    assert told("blocked_windows") == [0]
