"""Mistakes in the queries of docs/adding_a_use_case.md that only a database sees.

The first ETL says which file it is in, what was found there and what it must give, and publishes nothing.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from added_support import use_cases_in
from mistakes_support import FILES, write
from support import clean_database, query, run_etl

from leadmill import settings
from leadmill.errors import FeaturesFailed, LabelsFailed, LeadmillError, SourceColumnsChanged, SpecError, WindowBlocked
from leadmill.spec import load_use_case

NOW = datetime.now(UTC)
SQL = "include/use_cases/orders/sql"
EXTRACT, FEATURES, LABELS = (f"sql/{name}.sql" for name in ("extract", "features", "labels"))


@pytest.fixture(scope="module")
def shop(postgres: dict[str, str]) -> Iterator[None]:
    """Ten orders: placed, and sent back or kept after two days."""
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as owner:
        owner.execute(
            "DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop;"
            "CREATE TABLE shop.order_events (order_no text, what text, happened_at timestamptz, channel text,"
            " price numeric, noted_at timestamptz);"
            "GRANT USAGE ON SCHEMA shop TO leadmill_source; GRANT SELECT ON shop.order_events TO leadmill_source"
        )
        for number in range(1, 11):
            for what, days in (("placed", 9), ("sent_back" if number % 2 else "kept", 7)):
                at = NOW - timedelta(days=days)
                owner.execute(
                    "INSERT INTO shop.order_events VALUES (%s, %s, %s, 'web', 10, %s)", [number, what, at, at]
                )
        settings.apply({"AIRFLOW_CONN_SHOP": postgres["AIRFLOW_CONN_WAREHOUSE"]})
        yield
        del os.environ["AIRFLOW_CONN_SHOP"]
        owner.execute("DROP SCHEMA shop CASCADE")
    clean_database()


@pytest.fixture(autouse=True)
def _empty(shop: None) -> None:
    clean_database()


@pytest.mark.parametrize(
    ("file", "right", "wrong", "error", "says"),
    [
        ("use_case.yaml", "shop.order_events]", "shop.order_event]", SpecError,
         ["orders/use_case.yaml: source.relations.0: found 'shop.order_event'", "Did you mean 'shop.order_events'?"]),
        ("use_case.yaml", "watermark: noted_at", "watermark: noted", SpecError,
         ["source.watermark: found 'noted'; allowed: a column of shop.order_events", "Did you mean 'noted_at'?"]),
        (EXTRACT, "order_no, what", "order_no AS ordr_no, what", SourceColumnsChanged,
         ["lacks the column(s) order_no (it has 'ordr_no'). Nothing was published", f"{SQL}/extract.sql"]),
        (EXTRACT, "price,", "prise,", SourceColumnsChanged,
         ['column "prise" does not exist', 'the column "order_events.price")', f"{SQL}/extract.sql"]),
        (EXTRACT, "WHERE noted_at", "WERE noted_at", SourceColumnsChanged, ["syntax error", f"{SQL}/extract.sql"]),
        (EXTRACT, "channel, price", "channel::int AS channel, price", SourceColumnsChanged,
         ['invalid input syntax for type integer: "web"', f"{SQL}/extract.sql"]),
        # The outcome as the shop words it, not as yes and no.
        (EXTRACT, "CASE what WHEN 'sent_back' THEN 'yes' WHEN 'kept' THEN 'no' END AS", "what AS", WindowBlocked,
         ["sent_back: yes or no"]),
        (FEATURES, "    order_no,\n", "", FeaturesFailed, ['column "order_no"', f"{SQL}/features.sql"]),
        (FEATURES, "AS complaints,", "AS complaint,", FeaturesFailed,
         ["complaints", 'reference the column "derived.complaint")', f"{SQL}/features.sql"]),
        (FEATURES, "GROUP BY order_no, as_of", "GROUP BY order_no, as_of, what", FeaturesFailed,
         ["more than one row for a order_no and as_of", f"{SQL}/features.sql"]),
        (FEATURES, "max(channel)", "max(channel)::int", FeaturesFailed, ['integer: "web"', f"{SQL}/features.sql"]),
        (LABELS, ", recorded_at AS known_at", "", LabelsFailed,
         ["it lacks known_at; it must give order_no, label, closed, occurred_at, known_at", f"{SQL}/labels.sql"]),
        (LABELS, "order_no, label,", "order_no, what AS label,", LabelsFailed,
         ["its column label is text; allowed: 1, 0 or null", f"{SQL}/labels.sql"]),
        (LABELS, "order_no, label,", "order_no, label + 1 AS label,", LabelsFailed,
         ["it gives the label 2; allowed: 1, 0 or null", f"{SQL}/labels.sql"]),
        (LABELS, "FROM accepted", "FROM acepted", LabelsFailed, ['relation "acepted"', f"{SQL}/labels.sql"]),
        (LABELS, "true AS closed", "(1 / (label - label)) = 1 AS closed", LabelsFailed, ["division by zero"]),
    ],
)  # fmt: skip
def test_the_first_etl_says_what_is_wrong(
    tmp_path: Path, file: str, right: str, wrong: str, error: type[LeadmillError], says: list[str]
) -> None:
    write(tmp_path, file, right, wrong)
    with use_cases_in(tmp_path):
        use_case = load_use_case("orders")
        with pytest.raises(error) as caught:
            run_etl(use_case)
    assert [part for part in says if part not in str(caught.value)] == [], str(caught.value)
    assert query("SELECT FROM features.orders") == []
    assert query("SELECT FROM ops.windows WHERE status = 'published'") == []


def test_mended_it_goes_on(tmp_path: Path) -> None:
    write(tmp_path, LABELS, "true AS closed", "1 AS closed")
    with use_cases_in(tmp_path):
        with pytest.raises(LabelsFailed, match="its column closed is int4; allowed: true or false"):
            run_etl(load_use_case("orders"))
        (tmp_path / "orders" / LABELS).write_text(FILES[LABELS])
        run_etl(load_use_case("orders"))
    assert {row["label"] for row in query("SELECT label FROM features.orders_labels")} == {0, 1}
