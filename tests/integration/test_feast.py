"""Feast: the objects from the spec, the three ways to look features up, and the training join against plain SQL."""

import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support import START, Warehouse, changed_use_case, key, lead, query, run_etl, varied, x_education

from leadmill import names, settings
from leadmill.features.history import training_frame
from leadmill.features.materialize import materialize
from leadmill.features.objects import feast_objects
from leadmill.features.online import lookup
from leadmill.features.store import apply, feature_store
from leadmill.features.training_rows import entity_rows_sql
from leadmill.storage.ddl import feature_columns


@pytest.fixture
def filled(crm: Warehouse) -> Warehouse:
    """Thirty leads online, five of them in two versions."""
    crm.spread(range(30))
    run_etl(x_education())
    crm.insert([varied(n) | {"city": "Thane & Outskirts"} for n in range(5)], crm.now())
    crm.later()
    run_etl(x_education(), online=True)
    return crm


@cache
def plain_store() -> Any:
    """A store as anybody opens it; kept, because Feast closes no connection."""
    from feast import FeatureStore

    return FeatureStore(repo_path=str(settings.current().feature_repo))


def feast(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("feast")), "-c", str(settings.current().feature_repo), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_objects_follow_from_the_spec() -> None:
    use_case = x_education()
    found = feast_objects(use_case)
    declared = {column.name: column.type for column in feature_columns(use_case)}
    kinds = {"Int64": "bigint", "Float64": "double precision", "Bool": "boolean", "String": "text"}
    assert {field.name: kinds[str(field.dtype)] for field in found.view.schema if field.name != "lead_id"} == declared
    assert found.entity.join_key == "lead_id"
    assert (found.view.name, found.service.name) == ("x_education_features", "x_education")


def test_the_feast_command_works_in_the_feature_repo(filled: Warehouse) -> None:
    feast("apply")
    assert "x_education_features" in feast("feature-views", "list")
    assert len(lookup(x_education(), [key(1)])) == 1


def test_the_plain_sdk_reads_what_the_lookup_reads(filled: Warehouse) -> None:
    store = plain_store()
    response = store.get_online_features(
        features=store.get_feature_service("x_education"), entity_rows=[{"lead_id": key(3)}, {"lead_id": "nobody"}]
    ).to_dict()
    ours = lookup(x_education(), [key(3)]).iloc[0]
    stored = query("SELECT * FROM features.x_education_latest WHERE lead_id = %s", [key(3)])[0]
    for column in feature_columns(x_education()):
        assert response[column.name] == [stored[column.name], None]
        assert ours[column.name] == stored[column.name]
    assert stored["city"] == "thane_outskirts"
    assert ours["event_timestamp"] == stored["event_timestamp"]


def test_lookup_takes_any_spelling_of_a_uuid_and_leaves_strangers_out(filled: Warehouse) -> None:
    found = lookup(x_education(), ["nobody", key(10).upper(), key(11)])
    assert found["lead_id"].tolist() == [key(10), key(11)]
    assert found["total_visits"].dtype == "int64"
    assert found["search"].dtype == "bool"
    assert lookup(x_education(), ["nobody"]).empty


def test_applying_again_does_nothing_and_a_changed_spec_is_applied(filled: Warehouse, tmp_path: Path) -> None:
    def retitled(raw: dict[str, Any]) -> None:
        raw["features"]["city"]["title"] = "Town"
        raw["features"]["country"]["drop"] = "no longer asked"
        del raw["features"]["country"]["impute"]

    changed = changed_use_case(tmp_path, retitled)
    assert apply(x_education()) is False
    try:
        assert apply(changed) is True
        assert apply(changed) is False
        fields = {
            field.name: field.description for field in feature_store().get_feature_view("x_education_features").features
        }
        assert "country" not in fields
        assert fields["city"] == "Town"
    finally:
        assert apply(x_education()) is True
    # Its column was dropped meanwhile.
    assert lookup(x_education(), [key(1)])["country"].tolist() == ["unknown"]
    assert materialize(x_education()) is not None
    assert lookup(x_education(), [key(1)])["country"].tolist() == ["india"]
    assert materialize(x_education()) is None


def test_a_store_that_lost_its_connections_goes_on(filled: Warehouse) -> None:
    store = feature_store()
    store.refresh_registry()
    # As a restart of the server does.
    ended = query("SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE datname = 'feast'")
    assert [row["done"] for row in ended] == [True] * len(ended) != []
    store.refresh_registry()
    assert "x_education_features" in [view.name for view in store.list_feature_views()]
    assert len(lookup(x_education(), [key(1)])) == 1


def test_materializing_twice_finds_nothing_to_do(filled: Warehouse) -> None:
    assert materialize(x_education()) is None
    filled.insert([lead(77)], filled.now())
    filled.later()
    run_etl(x_education())
    done = materialize(x_education())
    assert done is not None
    assert (done.windows, done.entities) == (1, 1)


@pytest.mark.parametrize("early", [True, False])
def test_the_training_join_is_that_of_plain_sql(filled: Warehouse, early: bool) -> None:
    use_case = x_education()
    cutoff = START + timedelta(hours=2) if early else filled.now()
    columns = [column.name for column in feature_columns(use_case)]
    job = feature_store().get_historical_features(
        entity_df=entity_rows_sql(use_case, cutoff),
        features=feature_store().get_feature_service(names.feature_service(use_case)),
        filter_by_created_timestamp=True,
    )
    found = {row["lead_id"]: row for row in job.to_df().to_dict("records")}
    plain = query(
        """
        SELECT DISTINCT ON (f.lead_id) f.*, l.label
        FROM features.x_education AS f
        JOIN features.x_education_labels AS l ON l.lead_id = f.lead_id AND l.known_at <= %(cutoff)s
        WHERE f.event_timestamp <= %(cutoff)s AND f.created_timestamp <= %(cutoff)s
        ORDER BY f.lead_id, f.event_timestamp DESC, f.created_timestamp DESC, l.known_at DESC
        """,
        {"cutoff": cutoff},
    )
    assert len(plain) == 30
    assert {row["lead_id"]: [row[name] for name in [*columns, "label"]] for row in plain} == {
        lead_id: [row[name] for name in [*columns, "label"]] for lead_id, row in found.items()
    }
    cities = {row["city"] for row in plain}
    assert cities == ({"mumbai"} if early else {"mumbai", "thane_outskirts"})
    frame = training_frame(use_case, cutoff)
    assert len(frame) == 30
    assert list(frame.columns) == ["lead_id", "as_of", "label", "weight", *columns]
    assert str(frame["as_of"].dt.tz) == "UTC"
    assert not frame.isna().any().any()


def test_training_before_there_is_anything_is_an_empty_frame(crm: Warehouse) -> None:
    from leadmill.storage.ddl import ensure_tables

    ensure_tables(x_education())
    assert training_frame(x_education()).empty
    crm.insert([lead(1)], START + timedelta(hours=1))
    crm.later()
    run_etl(x_education())
    assert training_frame(x_education(), START).empty
    assert len(training_frame(x_education())) == 1
