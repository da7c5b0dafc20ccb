"""A table of twenty mixed features made in SQL, for what is measured on Feast alone."""

import psycopg

NUMBERS = tuple(f"number_{n}" for n in range(1, 10))
COUNTS = tuple(f"count_{n}" for n in range(1, 4))
TRUTHS = tuple(f"truth_{n}" for n in range(1, 4))
LEVELS = tuple(f"level_{n}" for n in range(1, 6))
COLUMNS = {
    **dict.fromkeys(NUMBERS, "double precision"),
    **dict.fromkeys(COUNTS, "bigint"),
    **dict.fromkeys(TRUTHS, "boolean"),
    **dict.fromkeys(LEVELS, "text"),
}
KEY = "md5(({n})::text)::uuid::text"


def create(connection: psycopg.Connection, table: str, entities: int, versions: int = 1) -> None:
    """``versions`` rows of each of ``entities`` keys, at scattered times of 2026; values follow from both."""
    values = [
        *(f"(hashint8(e * 31 + v * 7 + {n}) % 100000) / 1000.0::float8 AS {name}" for n, name in enumerate(NUMBERS)),
        *(f"abs(hashint8(e * 17 + v * 5 + {n}) % 500)::bigint AS {name}" for n, name in enumerate(COUNTS)),
        *(f"hashint8(e * 13 + v * 3 + {n}) % 2 = 0 AS {name}" for n, name in enumerate(TRUTHS)),
        *(f"'level_' || abs(hashint8(e * 11 + v + {n}) % 12) AS {name}" for n, name in enumerate(LEVELS)),
    ]
    moment = "TIMESTAMPTZ '2026-01-01Z' + make_interval(secs => abs(hashint8(e * 1009 + v) % 8000000)) "
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {KEY.format(n='e')} AS lead_id, {moment} AS event_timestamp, "
        f"{moment} + interval '1 minute' AS created_timestamp, {', '.join(values)} "
        f"FROM generate_series(1, {entities:d}) AS e, generate_series(1, {versions:d}) AS v".encode()
    )
    connection.execute(f"CREATE INDEX ON {table} (lead_id, event_timestamp)".encode())
    connection.execute(f"ANALYZE {table}".encode())
