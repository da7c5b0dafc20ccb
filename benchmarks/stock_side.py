"""The usual wiring of the same tools, with their best documented settings; the same rows, rules and model file."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import sqlalchemy
from psycopg2.extras import execute_values
from sqlalchemy import text
from threadpoolctl import threadpool_limits

from benchmarks.measured import Steps
from benchmarks.stock_checks import checked
from benchmarks.stock_clean import imputed_and_encoded
from leadmill import settings
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

Insert = Callable[[Any, Any, list[str], Iterable[tuple[Any, ...]]], None]
# Larger pages of VALUES and larger chunks brought nothing more.
_PAGE = 1_000
_CHUNK = 50_000
_IMPORTED = (
    "feast",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres",
    "feast.infra.online_stores.postgres_online_store.postgres",
    "great_expectations.expectations",
    "narwhals",
    "psycopg_pool",
    "sklearn.pipeline",
)


def warm_up() -> None:
    """Import what the steps import: on both sides the measured time is work, not imports."""
    for module in _IMPORTED:
        import_module(module)


def run(
    use_case: UseCase, artifacts: Path, since: pd.Timestamp, steps: Steps, insert: Insert, online: bool = True
) -> None:
    """The source's rows after ``since`` to published scores and, with ``online``, online features."""
    from benchmarks import stock_feast

    source = _engine(settings.current().connection_url(use_case.source.connection))
    target = _engine(settings.current().database_url)
    champion = joblib.load(artifacts / "champion.joblib")
    fillers = joblib.load(artifacts / "fillers.joblib")
    with target.begin() as connection:
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS stock"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS stock_online"))
    key = use_case.entity.key

    with steps.step("extract"):
        until = pd.read_sql("SELECT now FROM bench.clock", source)["now"].iloc[0] - use_case.source.safety_lag
        rows = pd.read_sql(text(use_case.sql("extract")), source, params={"since": since, "until": until})
    with steps.step("check"):
        fit, rejected = checked(use_case, rows)
        rejected.to_sql("rejected", target, schema="stock", if_exists="append", index=False, method=insert)
    with steps.step("impute and encode"):
        # Threads of BLAS wait for each other where cores are few: one is faster, here and below.
        with threadpool_limits(1):
            features = imputed_and_encoded(fit, use_case.feature_columns, fillers)
        features.insert(0, key, fit[key].str.lower())
        features.insert(1, "event_timestamp", fit["recorded_at"])
        features.insert(2, "created_timestamp", until)
    with steps.step("write features"):
        _write(features, "features", target, insert)
        with target.begin() as connection:
            connection.execute(text(f"CREATE INDEX ON stock.features ({key}, event_timestamp)"))
    last = features["event_timestamp"].max()
    del rows, fit, features
    if online:
        with steps.step("materialize"):
            columns = {column.name: column.type for column in feature_columns(use_case)}
            store = stock_feast.store(artifacts / "feast", columns, "stock.features")
            store.feast.materialize(since.to_pydatetime(), (last + timedelta(seconds=1)).to_pydatetime())
    with steps.step("score"):
        latest = pd.read_sql(
            f"SELECT DISTINCT ON ({key}) * FROM stock.features ORDER BY {key}, event_timestamp DESC", target
        )
        x = latest[[item.name for item in champion.inputs]]
        with threadpool_limits(1):
            probability = champion.model.predict_proba(x)[:, 1]
        scores = pd.DataFrame(
            {
                key: latest[key],
                "lead_score": (probability * use_case.score.scale + 0.5).astype("int64"),
                "probability": probability,
                "model_version": champion.version,
                "scored_at": until,
            }
        )
    with steps.step("publish scores"):
        _write(scores, "scores", target, insert)


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://", 1))


def _write(frame: pd.DataFrame, table: str, target: sqlalchemy.Engine, insert: Insert) -> None:
    frame.to_sql(table, target, schema="stock", if_exists="replace", index=False, method=insert, chunksize=_CHUNK)


def insert_values(table: Any, connection: Any, keys: list[str], data: Iterable[tuple[Any, ...]]) -> None:
    """``to_sql``'s insertion method by psycopg2's execute_values; several times faster than "multi"."""
    columns = ", ".join(f'"{name}"' for name in keys)
    with connection.connection.cursor() as cursor:
        execute_values(
            cursor, f'INSERT INTO "{table.schema}"."{table.name}" ({columns}) VALUES %s', data, page_size=_PAGE
        )


def insert_copy(table: Any, connection: Any, keys: list[str], data: Iterable[tuple[Any, ...]]) -> None:
    """``to_sql``'s insertion method by COPY of CSV, as pandas' user guide shows one."""
    text_of = io.StringIO()
    csv.writer(text_of).writerows(data)
    text_of.seek(0)
    columns = ", ".join(f'"{name}"' for name in keys)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f'COPY "{table.schema}"."{table.name}" ({columns}) FROM STDIN (FORMAT csv)', text_of)
