"""Connections to leadmill's own database."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from leadmill import settings
from leadmill.storage.database import _engine, arrow_connection, copy_connection, engine


@pytest.fixture
def server_in_paris(postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server with summer time, and a URL with an option and a name of its own: connections to it are new ones."""
    url = postgres["LEADMILL_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        role = f"ALTER ROLE {connection.info.user}"
        connection.execute(f"{role} SET timezone TO 'Europe/Paris'".encode())
        monkeypatch.setenv("LEADMILL_DATABASE_URL", f"{url}?options=-c%20lock_timeout%3D7s&application_name=paris")
        settings.current.cache_clear()
        yield
        engine().dispose()
        connection.execute(f"{role} RESET timezone".encode())


@pytest.mark.usefixtures("server_in_paris")
def test_every_kind_of_connection_is_in_utc_and_keeps_the_options_of_the_url() -> None:
    """A day across the change of the clocks has 24 hours."""
    asked = (
        "SELECT current_setting('timezone'), current_setting('lock_timeout'), "
        "extract(epoch FROM timestamptz '2026-03-28 12:00Z' + interval '1 day' - timestamptz '2026-03-28 12:00Z')::int"
    )
    expected = ("UTC", "7s", 24 * 3600)
    url = settings.current().database_url
    with psycopg.connect(url) as plain:
        assert plain.execute(asked.encode()).fetchone() == ("Europe/Paris", "7s", 23 * 3600)
    with engine().connect() as connection:
        assert tuple(connection.execute(text(asked)).one()) == expected
    with copy_connection() as copying:
        assert copying.execute(asked.encode()).fetchone() == expected
    for _ in range(2):
        with arrow_connection(url) as arrow, arrow.cursor() as cursor:
            cursor.execute(asked)
            assert cursor.fetchone() == expected


def test_a_connection_is_waited_for_ten_seconds_unless_the_url_says_otherwise(postgres: dict[str, str]) -> None:
    url = settings.current().database_url
    for given, seconds in ((url, "10"), (f"{url}?connect_timeout=3", "3")):
        made = _engine(given)
        with made.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            assert driver.info.dsn_parameters["connect_timeout"] == seconds
        made.dispose()
