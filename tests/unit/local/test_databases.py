import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from leadmill import cli_data
from leadmill.local import credentials, databases, doctor, stack


def _query(url: str, statement: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchone()


@pytest.mark.parametrize(
    ("variable", "role", "database"),
    [
        ("LEADMILL_DATABASE_URL", "leadmill", "leadmill"),
        ("LEADMILL_WAREHOUSE_URL", "warehouse", "warehouse"),
        ("AIRFLOW_CONN_WAREHOUSE", "leadmill_source", "warehouse"),
        ("LEADMILL_READER_URL", "leadmill_reader", "leadmill"),
        ("LEADMILL_MLFLOW_URL", "leadmill", "mlflow"),
    ],
)
def test_each_url_leads_to_its_database(postgres: dict[str, str], variable: str, role: str, database: str) -> None:
    assert _query(postgres[variable], "SELECT current_user, current_database()") == (role, database)


def test_values_of_failing_statements_are_not_logged(postgres: dict[str, str]) -> None:
    with psycopg.connect(postgres["LEADMILL_DATABASE_URL"]) as connection:
        connection.execute("CREATE TEMP TABLE people (id int UNIQUE, mail text)")
        with pytest.raises(psycopg.errors.UniqueViolation, match="already exists"):
            connection.execute("INSERT INTO people VALUES (77123, 'ann@secret.example'), (77123, '')")
    log = stack.folder().database_log.read_text()
    assert "duplicate key" in log
    assert "secret.example" not in log
    assert "77123" not in log


def test_the_source_reads_what_it_is_granted_and_writes_nothing(postgres: dict[str, str]) -> None:
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as loader:
        loader.execute("CREATE SCHEMA crm")
        loader.execute("CREATE TABLE crm.people AS SELECT 1 AS id")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _query(postgres["AIRFLOW_CONN_WAREHOUSE"], "SELECT id FROM crm.people")
        loader.execute("GRANT USAGE ON SCHEMA crm TO leadmill_source; GRANT SELECT ON crm.people TO leadmill_source")
    assert _query(postgres["AIRFLOW_CONN_WAREHOUSE"], "SELECT id FROM crm.people") == (1,)
    for statement in ("DELETE FROM crm.people", "CREATE TABLE t (a int)"):
        with psycopg.connect(postgres["AIRFLOW_CONN_WAREHOUSE"]) as source:
            source.read_only = False
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                source.execute(statement)
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as loader:
        loader.execute("DROP SCHEMA crm CASCADE")


@pytest.mark.parametrize("variable", ["AIRFLOW_CONN_WAREHOUSE", "LEADMILL_READER_URL"])
def test_readers_enter_no_other_database(postgres: dict[str, str], variable: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(postgres[variable].rpartition("/")[0] + "/airflow")


def test_a_wrong_password_is_refused(postgres: dict[str, str]) -> None:
    url = postgres["LEADMILL_DATABASE_URL"].replace(postgres["LEADMILL_PG_PASSWORD"], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_changed_secrets_are_told(postgres: dict[str, str]) -> None:
    with pytest.raises(databases.DatabaseRefused, match=r"secrets\.json.*reset"):
        databases.ensure(int(postgres["LEADMILL_PG_PORT"]), credentials.Credentials())


@pytest.mark.parametrize("begin", [stack.start_postgres, cli_data.connect, doctor.examine])
def test_what_the_shell_says_of_another_server_does_not_keep_us_from_ours(
    postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch, begin: Callable[[], object]
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGOPTIONS", "-c no_such_setting=1")
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        psycopg.connect(postgres["LEADMILL_DATABASE_URL"])
    begin()
    assert _query(os.environ["LEADMILL_DATABASE_URL"], "SELECT current_user") == ("leadmill",)


def test_a_reset_is_advised_for_no_other_reason_than_a_password(
    postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    known = credentials.load(stack.folder().secrets)
    with pytest.raises(databases.DatabaseRefused, match="SSL") as refused:
        databases.ensure(int(postgres["LEADMILL_PG_PORT"]), known)
    assert "reset" not in str(refused.value)


def test_nothing_is_made_twice(postgres: dict[str, str]) -> None:
    known = credentials.load(stack.folder().secrets)
    assert databases.ensure(int(postgres["LEADMILL_PG_PORT"]), known) is False


def test_an_interrupted_set_up_is_finished(postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # One more database, because other tests of the session may have the real ones open.
    monkeypatch.setattr(databases, "OWNERS", {**databases.OWNERS, "spare": "leadmill"})
    known = credentials.load(stack.folder().secrets)
    port = int(postgres["LEADMILL_PG_PORT"])
    with databases.connect(port, "postgres", known.postgres, "postgres") as admin:
        admin.execute("CREATE DATABASE spare_draft")
        assert databases.ensure(port, known) is True
        assert databases.ensure(port, known) is False
        admin.execute("DROP DATABASE spare")


def test_data_is_checksummed_and_durable(postgres: dict[str, str]) -> None:
    for setting in ("data_checksums", "fsync", "synchronous_commit"):
        assert _query(postgres["LEADMILL_DATABASE_URL"], f"SHOW {setting}") == ("on",)


def test_no_password_reaches_the_log(postgres: dict[str, str]) -> None:
    log = Path(stack.folder().database_log).read_text()
    assert postgres["LEADMILL_PG_PASSWORD"] not in log
