"""leadmill over another online store: a real Redis by one line, and what an older installation left behind."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from support import Warehouse, key, query, run_etl, varied, x_education

from leadmill import settings
from leadmill.features.materialize import materialize
from leadmill.features.online import lookup
from leadmill.features.store import feature_store
from leadmill.local.ports import free_port
from leadmill.storage.ddl import feature_columns

TABLE = "online.leadmill_x_education_features"
# As Feast 0.67 makes it.
FEASTS_TABLE = f"""
    CREATE TABLE {TABLE} (
        entity_key bytea, feature_name text, value bytea, value_text text, vector_value bytea,
        event_ts timestamptz, created_ts timestamptz, PRIMARY KEY (entity_key, feature_name)
    )
"""


def online() -> list[dict[str, Any]]:
    """What the lookup finds of thirty leads, in their order."""
    names = ["lead_id", "event_timestamp", *(column.name for column in feature_columns(x_education()))]
    found = lookup(x_education(), [key(number) for number in range(30)])
    return found[names].sort_values("lead_id").to_dict("records")


def offline() -> list[dict[str, Any]]:
    names = ", ".join(["lead_id", "event_timestamp", *(column.name for column in feature_columns(x_education()))])
    return query(f"SELECT {names} FROM features.x_education_latest ORDER BY lead_id")


def execute(statement: str) -> None:
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def filled(crm: Warehouse) -> Warehouse:
    """Thirty leads online, five of them in two versions."""
    crm.spread(range(30))
    run_etl(x_education(), online=True)
    crm.insert([varied(number) | {"city": "Pune"} for number in range(5)], crm.now())
    crm.later()
    run_etl(x_education(), online=True)
    return crm


@pytest.mark.parametrize("left", [f"DROP TABLE {TABLE}; {FEASTS_TABLE}", f"DROP TABLE {TABLE}", f"TRUNCATE {TABLE}"])
def test_an_online_table_that_is_not_what_the_ledger_says_is_filled_anew(filled: Warehouse, left: str) -> None:
    assert online() == offline()
    execute(left)
    done = materialize(x_education())
    assert done is not None
    assert (done.windows, done.entities) == (2, 30)
    assert online() == offline()
    assert materialize(x_education()) is None


def test_feast_materialize_on_the_command_line(filled: Warehouse) -> None:
    before = online()
    execute(f"DROP TABLE {TABLE}")
    command = [str(Path(sys.executable).with_name("feast")), "-c", str(settings.current().feature_repo)]
    view = "x_education_features"
    said = ""
    for arguments in (
        ["apply"],
        ["materialize", "--views", view, "2026-01-01T00:00:00", "2026-12-31T00:00:00"],
        ["get-online-features", "-e", f"lead_id={key(7)}", "-f", f"{view}:city"],
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        said = done.stdout
    assert "mumbai" in said
    assert online() == before


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """Address of a real Redis."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    port = free_port(17379)
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def on_redis(filled: Warehouse, redis: str, tmp_path: Path) -> Iterator[Warehouse]:
    """The same installation, its online store replaced in feature_store.yaml and nothing else."""
    ours = settings.current().feature_repo
    repo = tmp_path / "feature_repo"
    shutil.copytree(ours, repo)
    file = repo / "feature_store.yaml"
    raw = yaml.safe_load(file.read_text())
    raw["online_store"] = {"type": "redis", "connection_string": redis}
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    settings.apply({"LEADMILL_FEATURE_REPO": str(repo)})
    feature_store.cache_clear()
    yield filled
    settings.apply({"LEADMILL_FEATURE_REPO": str(ours)})
    feature_store.cache_clear()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_redis_is_one_line_away(on_redis: Warehouse) -> None:
    assert lookup(x_education(), [key(1)]).empty
    done = materialize(x_education())
    assert done is not None
    assert done.entities == 30
    assert online() == offline()
    on_redis.insert([varied(number) | {"city": "Thane & Outskirts"} for number in range(3)], on_redis.now())
    on_redis.later()
    run_etl(x_education(), online=True)
    assert online() == offline()
    assert [row["city"] for row in online()].count("thane_outskirts") == 3
    assert materialize(x_education()) is None
