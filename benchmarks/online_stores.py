"""Feast's own Postgres online store beside the typed one: twenty features materialized, then read back.

``python -m benchmarks.online_stores ENTITIES REPEATS FOLDER`` prints one line of JSON. Both stores live in one process
and take turns, so that what else the machine does hits both: at reads, after every ten keys or batches of keys.
"""

import logging
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from benchmarks import feature_rows, stock_feast
from benchmarks.measured import answer
from benchmarks.whole_path import spread
from leadmill import settings

TABLE = "stock.twenty"
BEGIN, END = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
READS, BATCH = 300, 100
# Feast keeps what a request asks for of one registry at a time in a process: a store's first read after the other's
# resolves its feature views anew, 1.4 ms that are neither's. That read is compared, but not counted.
TURN = 10


def measure(entities: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Rows a second of ``materialize``, medians of ``repeats``, and milliseconds of online reads."""
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute("CREATE SCHEMA stock; CREATE SCHEMA stock_online; CREATE SCHEMA typed_online")
        feature_rows.create(connection, TABLE, entities)
    stores = {
        "stock": stock_feast.store(folder / "stock", feature_rows.COLUMNS, TABLE),
        "leadmill": stock_feast.store(folder / "typed", feature_rows.COLUMNS, TABLE, typed=True),
    }
    rates: dict[str, list[float]] = {side: [] for side in stores}
    for _ in range(repeats):
        for side, store in stores.items():
            store.teardown_online()
            started = time.perf_counter()
            store.feast.materialize(BEGIN, END)
            rates[side].append(entities / (time.perf_counter() - started))
    reads = _reads(stores, entities)
    return {
        "entities": entities,
        "materialize": {
            **{side: spread(found) for side, found in rates.items()},
            "ratio": median(rates["leadmill"]) / median(rates["stock"]),
        },
        "online": reads,
    }


def _reads(stores: dict[str, stock_feast.Store], entities: int) -> dict[str, Any]:
    draw = random.Random(7)
    found: dict[str, Any] = {}
    for size in (1, BATCH):
        times: dict[str, list[float]] = {side: [] for side in stores}
        for turn in range(READS // TURN + 2):
            first, *asked = [[stock_feast.key(draw.randint(1, entities)) for _ in range(size)] for _ in range(TURN + 1)]
            answers = {}
            # Whoever comes second finds the server's caches warmer: they take turns at that too.
            for side in sorted(stores, reverse=bool(turn % 2)):
                answers[side] = stores[side].read(first).to_dict()
                taken = [_milliseconds(stores[side], keys) for keys in asked]
                if turn >= 2:
                    times[side] += taken
            assert answers["stock"] == answers["leadmill"], "the stores answer differently"
        found[f"{size} leads" if size > 1 else "1 lead"] = {
            **{side: _percentiles(values) for side, values in times.items()},
            "share_of_stock": median(times["leadmill"]) / median(times["stock"]),
        }
    return found


def _milliseconds(store: stock_feast.Store, keys: list[str]) -> float:
    started = time.perf_counter()
    store.read(keys)
    return (time.perf_counter() - started) * 1000


def _percentiles(values: list[float]) -> dict[str, float]:
    """Milliseconds: median, and the tenth and ninetieth percentiles."""
    tenths = quantiles(values, n=10)
    return {"median": median(values), "p10": tenths[0], "p90": tenths[-1]}


def main() -> None:
    logging.disable(logging.WARNING)
    answer(lambda: measure(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))


if __name__ == "__main__":
    main()
