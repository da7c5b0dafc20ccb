"""The oracle: what a lead's chance truly was, for those who may read ``sim``."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection

from leadmill.demo.crm import posterior
from leadmill.demo.crm.posterior import Asked
from leadmill.demo.crm.tables import ATTRIBUTES, FILLABLE, NEVER, Events, Leads, tables
from leadmill.demo.crm.world import WORLDS
from leadmill.demo.draw import Integers

_TIMES = ("submitted_at", "recorded_at", "filled_at", "closed_at", "deleted_at")
_NUMBERS = {
    "number": "number - 1",
    "regime": "regime",
    **{name: f"extract(epoch FROM {name})::bigint" for name in _TIMES},
    **{f"code {at}": f"codes[{at + 1}]" for at in range(len(ATTRIBUTES) + 1)},
    **{f"missing {at}": f"missing[{at + 1}]" for at in range(len(FILLABLE))},
    "events": "cardinality(kinds)",
}
_PER_EVENT = ("kinds", "occurred", "recorded", "pages", "seconds")
_STATEMENT = f"""
COPY (
    SELECT {", ".join(_NUMBERS.values())}, {", ".join(f"array_to_string({name}, ' ')" for name in _PER_EVENT)}
    FROM unnest(%s::text[]) WITH ORDINALITY AS asked (lead_id, number)
    INNER JOIN sim.truth USING (lead_id)
    ORDER BY number
) TO STDOUT (FORMAT csv)
"""
_TYPES = {**dict.fromkeys(_NUMBERS, pa.int64()), **dict.fromkeys(_PER_EVENT, pa.string())}
_AT_ONCE = 100_000


def probabilities(
    connection: Connection, keys: "Sequence[object] | pd.Series[Any]", as_of: "Sequence[datetime] | pd.Series[Any]"
) -> pd.DataFrame:
    """The true P(won in (as_of, as_of + 30 d]) of each pair (key, as_of), as columns lead_id, as_of, probability.

    Given is everything that was recorded by ``as_of``, and that the lead had not been closed by then (when it
    happened, not when it was recorded). Pairs without an answer are left out: unknown leads, leads that were not
    recorded yet, that were closed or deleted. The others keep their order. ``connection`` is the owner's of the
    demo warehouse (``warehouse_engine``).
    """
    pairs = pd.DataFrame(
        {"lead_id": np.array([str(key) for key in keys], dtype=object), "as_of": pd.to_datetime(as_of, utc=True)}
    )
    known = pairs["lead_id"].unique()
    rows = _rows(connection, known.tolist())
    leads = _leads(rows)
    events = _events(rows, leads)
    position = pd.Series(np.arange(len(leads)), index=pd.Index(known[_numbers(rows, "number")], dtype=object))
    found = pairs[pairs["lead_id"].isin(position.index)]
    # Facts are recorded at whole seconds, so what is known at a moment is known at the second before it.
    moments = found["as_of"].dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    asked = Asked(position[found["lead_id"]].to_numpy(dtype=np.int64), moments)
    answers = np.full(len(found), np.nan)
    fit = posterior.answerable(leads, asked)
    for regime, world in enumerate(WORLDS):
        questions = np.flatnonzero(fit & (_numbers(rows, "regime")[asked.lead] == regime))
        for begin in range(0, len(questions), _AT_ONCE):
            some = questions[begin : begin + _AT_ONCE]
            answers[some] = posterior.probabilities(
                tables(world), leads, events, Asked(asked.lead[some], asked.as_of[some])
            )
    return found.assign(probability=answers)[fit].reset_index(drop=True)


def _rows(connection: Connection, keys: list[str]) -> pa.Table:
    """The truth of those leads that there are, in the order of ``keys``; column 'number' is the position there."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    with raw.cursor() as cursor, cursor.copy(_STATEMENT.encode(), [keys]) as copy:
        text = b"".join(copy)
    if not text:
        return pa.schema(list(_TYPES.items())).empty_table()
    return csv.read_csv(
        BytesIO(text),
        csv.ReadOptions(column_names=list(_TYPES)),
        convert_options=csv.ConvertOptions(column_types=_TYPES),
    )


def _numbers(rows: pa.Table, name: str) -> Integers:
    """A column of whole numbers, NEVER where null."""
    return np.asarray(rows[name].fill_null(NEVER).to_numpy(), dtype=np.int64)


def _leads(rows: pa.Table) -> Leads:
    submitted, recorded, filled, closed, deleted = (_numbers(rows, name) for name in _TIMES)
    codes = np.stack([_numbers(rows, f"code {at}") for at in range(len(ATTRIBUTES) + 1)], axis=1)
    missing = np.stack([_numbers(rows, f"missing {at}") > 0 for at in range(len(FILLABLE))], axis=1)
    return Leads(submitted, recorded, codes, missing, filled, closed, deleted)


def _events(rows: pa.Table, leads: Leads) -> Events:
    lead = np.repeat(np.arange(len(leads)), _numbers(rows, "events"))
    kind, occurred, recorded, pages, seconds = (
        np.fromstring(" ".join(filter(None, rows[name].to_pylist())), dtype=np.int64, sep=" ") for name in _PER_EVENT
    )
    since = leads.submitted[lead]
    return Events(lead, kind, since + occurred, since + recorded, pages, seconds)
