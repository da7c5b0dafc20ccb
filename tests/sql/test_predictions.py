"""How long the scoring API's log is kept."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from support import query

from leadmill.monitoring.predictions import forget_predictions


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
