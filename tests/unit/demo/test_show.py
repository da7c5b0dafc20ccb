"""What the demo prints at its end."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from leadmill.demo.follow import Timing
from leadmill.demo.report import Accounting, Models, Report, ScoredEntity, shown_value
from leadmill.demo.show import show
from leadmill.spec import load_use_case
from leadmill.training.results import CrossValidation, Estimate, Folds, Holdout

USE_CASE = load_use_case("x_education")
KEY = "00000000-0000-4000-8000-000000000001"
FOLDS = {name: Folds(0.9, 0.01) for name in ("roc_auc", "pr_auc", "log_loss", "brier")}
FOUND = Report(
    use_case="x_education",
    title=USE_CASE.title,
    note=USE_CASE.note,
    best=(ScoredEntity(KEY, 987, 0.987, "A", {"Visits": "3 visits", "City": "[mumbai]"}, "[3] visits: +120"),),
    models=Models(
        version="3",
        candidate="hist_gradient_boosting",
        promoted_at=datetime(2026, 4, 4, tzinfo=UTC),
        training_rows=7392,
        metric="pr_auc",
        cross_validation=(CrossValidation("hist_gradient_boosting", FOLDS, {"clean": FOLDS}),),
        holdout=(Holdout("hist_gradient_boosting", 0.4, {"roc_auc": Estimate(0.91, 0.9, 0.92)}),),
        alarms=("A leak [alarm]",),
    ),
    accounting=Accounting(2, 100, 90, 7, 3, 88, 88, {"city: clean text": 7}),
    timings=(Timing("x_education_etl", "Extract", 1.25),),
    seconds=12.3,
)
VARIABLES = {
    "AIRFLOW_URL": "http://127.0.0.1:8080",
    "AIRFLOW_USER": "admin",
    "AIRFLOW_PASSWORD": "secret",
    "LEADMILL_API_URL": "http://127.0.0.1:8000",
}


def printed(width: int, psql: str = "/opt/psql") -> str:
    console = Console(file=io.StringIO(), width=width)
    show(console, USE_CASE, FOUND, VARIABLES, Path(psql))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_line_for_psql_can_be_pasted_where_the_checkout_has_a_blank_in_its_path() -> None:
    assert """; '/opt/lead mill/psql' "$LEADMILL_READER_URL" """ in printed(160, "/opt/lead mill/psql")


@pytest.mark.parametrize("width", [80, 160])
def test_everything_is_said_on_narrow_and_wide_terminals(width: int) -> None:
    shown = printed(width)
    assert max(len(line) for line in shown.splitlines() if "psql" not in line) <= max(width, 120)
    for expected in (
        KEY,
        "987",
        "[mumbai]",
        "[3] visits: +120",
        "A leak [alarm]",
        "hist_gradient_boosting",
        "clean",
        "0.910 (0.90-0.92)",
        "100 read = 90 accepted + 7 rejected + 3 already seen; 88 published, 88 scored",
        "city: clean text 7",
        "rejected.x_education",
        "http://127.0.0.1:8080  user admin  password secret",
        'eval "$(./leadmill env)"; /opt/psql "$LEADMILL_READER_URL" -c "SELECT lead_id, lead_score, band FROM',
        f"./leadmill features get x_education {KEY}",
        "Extract",
        "1.2",
        "./leadmill down",
    ):
        assert expected in shown
    assert "Lead Number stands in for it" in " ".join(shown.split())


def test_nothing_is_cut_on_a_terminal_of_80_columns() -> None:
    assert "…" not in printed(80)


@pytest.mark.parametrize(
    ("column", "value", "filled", "expected"),
    [
        ("asymmetrique_activity_index", 2, False, "high"),
        ("do_not_email", True, False, "yes"),
        ("total_time_spent_on_website", 1342, True, "1,342 seconds (filled)"),
        ("page_views_per_visit", 2.666666, False, "2.667 pages"),
        ("city", "thane_outskirts", False, "thane outskirts"),
    ],
)
def test_values_are_shown_for_people(column: str, value: object, filled: bool, expected: str) -> None:
    assert shown_value(USE_CASE.features[column], value, filled) == expected
