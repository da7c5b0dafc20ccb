"""A primary key built after many rows have come: it is the same one, and nobody who reads is pushed aside."""

from collections.abc import Iterator

import pytest
from sqlalchemy import exc, text

from leadmill.storage.database import engine
from leadmill.storage.late_keys import key_afterwards

KEY = "SELECT indexrelid FROM pg_index WHERE indrelid = 'staging.kept'::regclass AND indisprimary"
NAMED = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'staging.kept'::regclass ORDER BY 1"
)
BRING = "INSERT INTO staging.kept SELECT lead, number FROM staging.incoming"


@pytest.fixture(autouse=True)
def tables(postgres: dict[str, str]) -> Iterator[None]:
    """A table with two rows, and one with 30,000 others."""
    with engine().begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS staging.kept, staging.incoming CASCADE"))
        connection.execute(
            text('CREATE TABLE staging.kept (lead text, n int, CONSTRAINT "the key" PRIMARY KEY (lead, n))')
        )
        connection.execute(text("INSERT INTO staging.kept VALUES ('a', 1), ('b', 2)"))
        connection.execute(
            text(
                "CREATE TABLE staging.incoming AS "
                "SELECT md5(number::text) AS lead, number FROM generate_series(1, 30000) AS number"
            )
        )
    yield
    with engine().begin() as connection:
        connection.execute(text("DROP TABLE staging.kept, staging.incoming CASCADE"))


def bring(rows: int = 30_000) -> tuple[bool, int]:
    """Whether the key was built anew, and how many rows there are now."""
    with engine().begin() as connection:
        before, named = connection.execute(text(KEY)).scalar_one(), connection.execute(text(NAMED)).all()
        with key_afterwards(connection, "staging.kept", rows):
            connection.execute(text(BRING))
        assert connection.execute(text(NAMED)).all() == named
        anew = connection.execute(text(KEY)).scalar_one() != before
    with engine().connect() as connection:
        return anew, connection.execute(text("SELECT count(*) FROM staging.kept")).scalar_one()


def test_many_rows_come_first_and_their_key_then() -> None:
    assert bring() == (True, 30_002)


def test_few_rows_and_those_of_a_larger_table_come_as_ever() -> None:
    assert bring(rows=20_000) == (False, 30_002)
    with engine().begin() as connection:
        connection.execute(text("UPDATE staging.incoming SET lead = lead || '!'"))
    assert bring() == (False, 60_002)


def test_whoever_reads_is_not_waited_for() -> None:
    with engine().begin() as reader:
        reader.execute(text("SELECT FROM staging.kept")).all()
        assert bring() == (False, 30_002)


def test_a_key_that_a_users_view_stands_on_stays() -> None:
    with engine().begin() as connection:
        # Grouped by the key, it names a column that is not grouped.
        connection.execute(text("ALTER TABLE staging.kept ADD COLUMN said text"))
        connection.execute(
            text("CREATE VIEW staging.theirs AS SELECT lead, n, said FROM staging.kept GROUP BY lead, n")
        )
    assert bring() == (False, 30_002)


@pytest.mark.parametrize(
    "stands",
    [
        "CREATE PUBLICATION theirs FOR TABLE staging.kept",
        'ALTER TABLE staging.kept CLUSTER ON "the key"',
        'ALTER INDEX staging."the key" SET (fillfactor = 70)',
        "COMMENT ON CONSTRAINT \"the key\" ON staging.kept IS 'ours'",
    ],
)
def test_a_key_that_a_user_has_made_his_own_stays(stands: str) -> None:
    with engine().begin() as connection:
        connection.execute(text(stands))
    try:
        assert bring() == (False, 30_002)
    finally:
        with engine().begin() as connection:
            connection.execute(text("DROP PUBLICATION IF EXISTS theirs"))


def test_two_rows_of_one_key_are_refused_and_nothing_is_changed() -> None:
    with engine().begin() as connection:
        connection.execute(text("INSERT INTO staging.incoming VALUES ('a', 1)"))
    with pytest.raises(exc.IntegrityError):
        bring()
    with engine().connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM staging.kept")).scalar_one() == 2
        assert connection.execute(text(KEY)).scalar_one()
