"""Made-up leads, seeded and vectorised: twenty columns of mixed types, gaps, odd spellings, and a few broken rows.

A row depends on its number and the seed alone, so the same numbers give the same rows on both sides.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv
from numpy.random import Generator

SEED = 7
BEGIN = pd.Timestamp("2026-01-01", tz="UTC")
# The use case's safety lag, and less than the second until the next lead.
READABLE_AFTER = pd.Timedelta("60.5s")
_BLOCK = 100_000
_BROKEN_IN = 250  # one row in so many breaks a rule

TABLE = """
    CREATE SCHEMA bench;
    CREATE TABLE bench.clock (now timestamptz NOT NULL);
    CREATE TABLE bench.leads (
        line bigint, recorded_at timestamptz, lead_id text, converted boolean,
        total_visits int, time_on_website int, pages_per_visit numeric(10, 2), age int, budget numeric(14, 2),
        emails_opened int, days_since_visit float8, engagement float8, company_size int,
        activity_index text, profile_index text, do_not_email boolean, newsletter boolean, has_phone boolean,
        lead_source text, lead_origin text, country text, occupation text, device text, last_activity text
    );
    CREATE INDEX ON bench.leads (recorded_at);
    GRANT USAGE ON SCHEMA bench TO leadmill_source;
    GRANT SELECT ON ALL TABLES IN SCHEMA bench TO leadmill_source
"""
# As people and other systems spell them; None and the markers are missing.
SPELLED: dict[str, tuple[str | None, ...]] = {
    "activity_index": ("01.High", "02.Medium", "03.Low", "medium", "Select", None),
    "profile_index": ("High", "Medium", "Low", "low", None),
    "lead_source": (
        *("Google", "google", "Google Ads", "Direct Traffic", "Olark Chat", "Organic Search", "Reference"),
        *("Referral Sites", "Facebook", "Instagram", "testone", "Select", None),
    ),
    "lead_origin": ("API", "Landing Page", "landing page ", "Add Form", "Import", None),
    "country": ("India", "Germany", "Brazil", "United States", "Kenya", "Japan", "France", "Select", "N/A", None),
    "occupation": ("Unemployed", "Working Professional", "Student", "Businessman", "Housewife", "Select", None),
    "device": ("Phone", "Tablet", "Computer", "phone", None),
    "last_activity": (
        *("Email Opened", "SMS Sent", "Chat", "Page Visited", "Email Bounced", "Form Submitted", "Telephone Call"),
        *("email opened", None),
    ),
}
GAPS = {
    **{"total_visits": 0.03, "time_on_website": 0.05, "pages_per_visit": 0.03, "age": 0.1, "budget": 0.1},
    **{"emails_opened": 0.1, "days_since_visit": 0.1, "engagement": 0.08, "company_size": 0.1},
    **{"do_not_email": 0.02, "newsletter": 0.05, "has_phone": 0.02},
}


def load(connection: psycopg.Connection, first: int, count: int, seed: int = SEED) -> None:
    """COPY the leads ``first`` to ``first + count - 1`` in; by the clock the last has just become readable."""
    for block in blocks(first, count, seed):
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(
            pa.Table.from_pandas(block, preserve_index=False), sink, pyarrow.csv.WriteOptions(include_header=False)
        )
        command = f"COPY bench.leads ({', '.join(block.columns)}) FROM STDIN (FORMAT csv)"
        with connection.cursor().copy(command.encode()) as copy:
            copy.write(sink.getvalue().to_pybytes())
    move_clock(connection, (recorded_at(first + count - 1) + READABLE_AFTER).to_pydatetime())
    connection.execute("ANALYZE bench.leads")


def move_clock(connection: psycopg.Connection, moment: datetime) -> None:
    """Say that it is ``moment`` in the source."""
    connection.execute("DELETE FROM bench.clock")
    connection.execute("INSERT INTO bench.clock VALUES (%s)", [moment])


def recorded_at(number: int) -> pd.Timestamp:
    """One lead a second."""
    return BEGIN + pd.Timedelta(seconds=number)


def blocks(first: int, count: int, seed: int = SEED) -> Iterator[pd.DataFrame]:
    """Frames of the source table; block borders are fixed, so a row is the same however many are asked for."""
    for start in range(first - first % _BLOCK, first + count, _BLOCK):
        block = _block(start, np.random.default_rng([seed, start]))
        yield block.iloc[max(first - start, 0) : min(first + count - start, _BLOCK)]


def _block(start: int, random: Generator) -> pd.DataFrame:
    line = np.arange(start, start + _BLOCK)
    interest = random.normal(size=_BLOCK)
    visits = random.poisson(np.exp(1 + 0.4 * interest))
    engagement = np.clip(50 + 15 * interest + random.normal(scale=8, size=_BLOCK), 0, 100).round(4)
    numbers = {
        "total_visits": visits,
        "time_on_website": np.clip(visits * random.gamma(2, 90, _BLOCK), 0, 86_000).astype(int),
        "pages_per_visit": np.clip(random.gamma(2, 1.2, _BLOCK) + 0.5 * interest, 0, 400).round(2),
        "age": np.clip(random.normal(36, 11, _BLOCK), 14, 100).astype(int),
        "budget": np.clip(random.lognormal(6.5 + 0.2 * interest, 0.8), 0, 900_000).round(2),
        "emails_opened": random.poisson(np.exp(0.5 + 0.3 * interest)),
        "days_since_visit": np.clip(random.exponential(20, _BLOCK) - 2 * interest, 0, 3000).round(4),
        "engagement": engagement,
        "company_size": np.clip(random.lognormal(3 + 0.1 * interest, 1.5), 1, 400_000).astype(int),
    }
    truths = {
        "do_not_email": random.random(_BLOCK) < 0.08,
        "newsletter": random.random(_BLOCK) < 0.3 + 0.1 * np.tanh(interest),
        "has_phone": random.random(_BLOCK) < 0.7,
    }
    words = {name: np.array(spelled, dtype=object)[_drawn(random, len(spelled))] for name, spelled in SPELLED.items()}
    logit = 1.3 * interest - 1.2 - 0.8 * truths["do_not_email"] + 0.5 * (words["occupation"] == "Working Professional")
    frame = pd.DataFrame(
        {
            "line": line,
            "recorded_at": (BEGIN + pd.to_timedelta(line, unit="s")).strftime("%Y-%m-%d %H:%M:%S+00"),
            "lead_id": _keys(random),
            "converted": random.random(_BLOCK) < 1 / (1 + np.exp(-logit)),
            **{name: pd.array(values) for name, values in numbers.items()},
            **{name: pd.array(values) for name, values in truths.items()},
            **words,
        }
    )
    for name, share in GAPS.items():
        frame.loc[random.random(_BLOCK) < share, name] = pd.NA
    return _break_some(frame, random)


def _drawn(random: Generator, levels: int) -> np.ndarray:
    """Level numbers; earlier ones come more often, the last (missing) about one time in twelve."""
    weights = np.append(1 / np.sqrt(np.arange(1, levels)), 0)
    weights[-1] = weights.sum() / 11
    return random.choice(levels, _BLOCK, p=weights / weights.sum())


def _break_some(frame: pd.DataFrame, random: Generator) -> pd.DataFrame:
    """Ages and visits out of range, levels that nobody declared, keys cut short."""
    rows = np.flatnonzero(random.random(_BLOCK) < 1 / _BROKEN_IN)
    for kind, (name, value) in enumerate((("age", 999), ("total_visits", 100_000), ("profile_index", "??"))):
        frame.loc[rows[kind::4], name] = value
    frame.loc[rows[3::4], "lead_id"] = frame.loc[rows[3::4], "lead_id"].str.slice(0, 20)
    return frame


def _keys(random: Generator) -> np.ndarray:
    """UUIDs as text."""
    digits = np.frombuffer(random.bytes(16 * _BLOCK).hex().encode(), dtype="S1").reshape(_BLOCK, 32)
    dashes = np.full((_BLOCK, 1), b"-")
    ends = (0, 8, 12, 16, 20, 32)
    parts = [part for low, high in itertools.pairwise(ends) for part in (digits[:, low:high], dashes)][:-1]
    return np.hstack(parts).copy().view("S36").ravel().astype(str).astype(object)
