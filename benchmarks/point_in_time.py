"""The point-in-time join: leadmill's feature store, with SQL as the entities, beside plain SQL and brute force.

``python -m benchmarks.point_in_time ENTITIES ROWS REPEATS FOLDER``: a history of four rows per entity, joined with
ROWS training rows at random moments. Prints one line of JSON.
"""

import logging
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from benchmarks import feature_rows
from benchmarks.measured import answer
from benchmarks.whole_path import spread
from leadmill import settings
from leadmill.features.store import feature_store
from leadmill.storage.frames import read_frame

TABLE, ROWS_TABLE, VIEW = "features.twenty", "features.twenty_rows", "twenty"
VERSIONS = 4
ENTITIES_SQL = f"SELECT lead_id, as_of AS event_timestamp, as_of, label FROM {ROWS_TABLE}"
_WANTED = ", ".join(f"f.{name}" for name in feature_rows.COLUMNS)
# What Feast promises: the newest row known at the moment; among equal event times the newest created.
PLAIN_SQL = (
    f"SELECT r.lead_id, r.as_of, r.label, {_WANTED} FROM {ROWS_TABLE} AS r LEFT JOIN LATERAL ("
    f"SELECT * FROM {TABLE} AS f WHERE f.lead_id = r.lead_id AND f.event_timestamp <= r.as_of "
    "ORDER BY f.event_timestamp DESC, f.created_timestamp DESC LIMIT 1) AS f ON true"
)


def measure(entities: int, rows: int, repeats: int) -> dict[str, Any]:
    """Seconds of both, medians of ``repeats``, and the rows in which Feast's answer differs from brute force."""
    _create(entities, rows)
    service = _register()
    times: dict[str, list[float]] = {"leadmill": [], "plain_sql": []}
    for _ in range(repeats):
        started = time.perf_counter()
        found = feature_store().get_historical_features(entity_df=ENTITIES_SQL, features=service).to_df()
        times["leadmill"].append(time.perf_counter() - started)
        started = time.perf_counter()
        read_frame(PLAIN_SQL)
        times["plain_sql"].append(time.perf_counter() - started)
    return {
        "history": entities * VERSIONS,
        "rows": len(found),
        **{way: spread(seconds) for way, seconds in times.items()},
        "times_plain_sql": median(times["leadmill"]) / median(times["plain_sql"]),
        "mismatches": mismatches(found, read_frame(f"SELECT * FROM {TABLE}")),
    }


def _create(entities: int, rows: int) -> None:
    with psycopg.connect(settings.current().database_url) as connection:
        feature_rows.create(connection, TABLE, entities, VERSIONS)
        drawn = feature_rows.KEY.format(n=f"1 + abs(hashint8(n)::bigint) % {entities:d}")
        connection.execute(
            f"CREATE TABLE {ROWS_TABLE} AS SELECT {drawn} AS lead_id, (hashint8(n + 5) % 2 = 0)::int AS label, "
            "TIMESTAMPTZ '2026-02-01Z' + make_interval(secs => abs(hashint8(n + 3) % 6000000)) AS as_of "
            f"FROM generate_series(1, {rows:d}) AS n".encode()
        )
        connection.execute(f"ANALYZE {ROWS_TABLE}".encode())


def _register() -> Any:
    from feast import FeatureService

    from benchmarks.stock_feast import entity, view

    store = feature_store()
    twenty = view(VIEW, feature_rows.COLUMNS, TABLE)
    service = FeatureService(name=VIEW, features=[twenty])
    store.apply([entity(), twenty, service])
    store.refresh_registry()
    return store.get_feature_service(VIEW)


def mismatches(found: pd.DataFrame, history: pd.DataFrame) -> int:
    """Rows of ``found`` whose features are not those of a row-by-row search in ``history``."""
    columns = list(feature_rows.COLUMNS)
    ordered = history.sort_values(["lead_id", "event_timestamp", "created_timestamp"], kind="stable")
    moments = ordered["event_timestamp"].to_numpy()
    of_key = {key: (int(at[0]), int(at[-1]) + 1) for key, at in _positions(ordered["lead_id"]).items()}
    wanted = np.full(len(found), -1)
    for row, (key, moment) in enumerate(zip(found["lead_id"], _utc(found["as_of"]).to_numpy(), strict=True)):
        low, high = of_key.get(key, (0, 0))
        while high > low and moments[high - 1] > moment:
            high -= 1
        wanted[row] = high - 1 if high > low else -1
    expected = ordered[columns].iloc[wanted.clip(min=0)].reset_index(drop=True)
    expected.loc[wanted < 0] = None
    given = found[columns].reset_index(drop=True)
    same = np.ones(len(found), dtype=bool)
    for name in columns:
        left, right = given[name].astype(object), expected[name].astype(object)
        same &= ((left == right) | (left.isna() & right.isna())).to_numpy()
    return int((~same).sum())


def _positions(keys: pd.Series) -> dict[str, np.ndarray]:
    """Positions of each key in a sorted column."""
    found: Any = keys.reset_index(drop=True).groupby(keys.to_numpy()).indices
    return dict(found)


def _utc(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True)


def main() -> None:
    logging.disable(logging.WARNING)
    answer(lambda: measure(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
