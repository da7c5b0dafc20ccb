"""The one statement by which the scoring API reads an entity's online row, without Feast's imports and detours."""

from datetime import timedelta
from functools import cache
from typing import Any

import yaml

from leadmill import names, settings
from leadmill.features.closed import closed_sql
from leadmill.features.typed_store.reserved import TAKEN
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

TTL = timedelta(0)
"""How long an online row is served after its event time; 0: it never expires."""
CLOSED = "leadmill_closed"


@cache
def online_table(use_case_name: str) -> str:
    """Quoted name of the table in which the online store of ``feature_repo/feature_store.yaml`` holds the use case."""
    file = settings.current().feature_repo / "feature_store.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    view = names.safe_name(f"{config['project']}_{use_case_name}_features")
    return f'"{config["online_store"]["db_schema"]}"."{view}"'


def select_row(use_case: UseCase, ttl: timedelta = TTL) -> str:
    """SELECT of the online row of the key $1: event_timestamp, whether it is closed, every feature and flag by name.

    No row where the key is unknown or the row is older than ``ttl`` by the server's clock, as Feast reads it.
    """
    return _select(use_case, f"o.{use_case.entity.key} = $1", ttl)


def select_rows(use_case: UseCase, ttl: timedelta = TTL) -> str:
    """As :func:`select_row` of the keys in the array $1, with the key itself; unknown ones are absent."""
    return _select(use_case, f"o.{use_case.entity.key} = ANY ($1)", ttl, f"o.{use_case.entity.key}, ")


def _select(use_case: UseCase, which: str, ttl: timedelta, more: str = "") -> str:
    held = ((names.safe_name(column.name, TAKEN), column.name) for column in feature_columns(use_case))
    columns = ", ".join(f'o."{inside}" AS "{name}"' for inside, name in held)
    young = f" AND o.event_timestamp >= now() - interval '{ttl.total_seconds()} seconds'" if ttl else ""
    closed = closed_sql(use_case, f"o.{use_case.entity.key}")
    return (
        f"SELECT {more}o.event_timestamp, {closed} AS {CLOSED}, {columns} FROM {online_table(use_case.name)} AS o "
        f"WHERE {which}{young}"
    )


def constants(use_case: UseCase) -> dict[str, object]:
    """What a feature reads that was added since the row was written, by column: its constant, flagged as missing."""
    found: dict[str, object] = {column.name: column.cold_start for column in use_case.feature_columns}
    return found | {column.flag: True for column in use_case.feature_columns if column.has_flag}
