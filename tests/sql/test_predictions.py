"""The scoring API's log: how long it is kept, and what became of the entities of a sum."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support import query
from tpv_support import DAY, Acquirer, Figure, Profile, acquirer, tpv

from leadmill import settings
from leadmill.monitoring.predictions import forget_predictions, outcomes_sql

__all__ = ["acquirer"]

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def logged(postgres: dict[str, str]) -> Iterator[None]:
    """Ten answers of two use cases, each a day older than the one before; the first is an hour old."""
    with psycopg.connect(postgres["LEADMILL_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("TRUNCATE ops.predictions")
        connection.execute(
            "INSERT INTO ops.predictions (request_id, use_case, entity_key, features_from, features_hash, score, "
            "probability, status, model_version, latency_ms, predicted_at) SELECT gen_random_uuid(), "
            "'case_' || n % 2, n::text, 'online', '\\x00', 1, 0.5, 'fresh', '1', 1, "
            "now() - make_interval(days => n, hours => 1) FROM generate_series(0, 9) AS n"
        )
        yield
        connection.execute("TRUNCATE ops.predictions")


@pytest.mark.usefixtures("logged")
def test_only_answers_older_than_asked_are_deleted_in_any_number_of_batches() -> None:
    assert forget_predictions(timedelta(days=30)) == 0
    assert forget_predictions(timedelta(days=4), at_once=2) == 6
    left = query("SELECT entity_key FROM ops.predictions ORDER BY predicted_at DESC")
    assert [row["entity_key"] for row in left] == ["0", "1", "2", "3"]
    assert forget_predictions(timedelta(days=4), at_once=2) == 0


def test_the_outcome_of_a_sum_is_that_of_the_horizon_after_the_answer(acquirer: Acquirer) -> None:
    """By brute force: a corrected day counts once, one at the answer not, one at the end of the horizon does."""
    merchant = Profile("M1", BEGIN, BEGIN, "hotel", "coast", BEGIN.date())
    figures = [
        Figure("M1", day.date(), day + DAY + timedelta(hours=1), 1, 10 + number)
        for number, day in enumerate(BEGIN + number * DAY for number in range(80))
    ]
    corrected = Figure("M1", figures[30].day, figures[30].recorded_at + timedelta(hours=9), 1, 5000)
    acquirer.run([merchant, *figures, corrected], BEGIN + 82 * DAY)
    asked = {"M1": (20, 45, 49, 50), "M9": (20,), None: (20,)}
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE ops.predictions")
        for key, days in asked.items():
            for day in days:
                connection.execute(
                    "INSERT INTO ops.predictions (request_id, use_case, entity_key, features_from, features_hash, "
                    "score, probability, status, model_version, latency_ms, predicted_at) VALUES (gen_random_uuid(), "
                    "'tpv', %s, 'online', '\\x00', 1, 0.5, 'fresh', '1', 1, %s)",
                    [key, BEGIN + day * DAY],
                )
    days = {one.happened: one.volume for one in [*figures, corrected]}
    found = {(row["entity_key"], row["predicted_at"]): row for row in query(outcomes_sql(tpv()))}
    for day in (20, 45, 49):
        at = BEGIN + day * DAY
        row = found.pop(("M1", at))
        assert row["label"] == sum(volume for when, volume in days.items() if at < when <= at + 30 * DAY)
        assert row["occurred_at"] == max(when for when in days if when <= at + 30 * DAY)
    # Not all of it has matured, nobody of that name is known, or nobody is named.
    assert [row["label"] for row in found.values()] == [None, None, None]
