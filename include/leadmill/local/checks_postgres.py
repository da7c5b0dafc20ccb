"""The doctor's checks of the databases: Postgres, roles, migrations, the warehouse."""

from collections.abc import Iterator

import psycopg

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.local import databases, stack, supervision
from leadmill.local.doctor import Check, Finding
from leadmill.local.postgres import Server

UP = "./leadmill up"


def postgres_answers() -> Iterator[Finding]:
    state = stack.folder()
    server = Server(state)
    if not server.running():
        if supervision.alive(state):
            found = f"PostgreSQL does not run though Airflow does; its log is {state.database_log}"
            yield Finding("PostgreSQL", "wrong", found, UP)
        else:
            found = "the local stack is stopped" if state.exists() else f"there is no local stack in {state.root} yet"
            yield Finding("PostgreSQL", "note", found, UP)
        return
    try:
        with psycopg.connect(stack.environment()["LEADMILL_DATABASE_URL"], connect_timeout=5) as connection:
            version = connection.info.parameter_status("server_version")
        yield Finding("PostgreSQL", "ok", f"{version} answers on port {server.port()}")
    except (psycopg.Error, LeadmillError) as error:
        yield Finding("PostgreSQL", "wrong", str(error).strip(), "./leadmill down, then ./leadmill up")


def roles_there() -> Iterator[Finding]:
    url = database_url()
    if url is None:
        return
    with psycopg.connect(url, connect_timeout=5) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    missing = sorted(set(databases.ROLES) - roles) + sorted(set(databases.OWNERS) - names)
    if missing:
        yield Finding("Roles and databases", "wrong", f"missing: {', '.join(missing)}", UP)
    else:
        yield Finding("Roles and databases", "ok", "all there")


def migrations_at_head() -> Iterator[Finding]:
    if database_url() is None:
        return
    from leadmill.storage import migrate

    settings.apply(stack.environment())
    if migrate.pending():
        yield Finding("Migrations", "wrong", "leadmill's tables are older than this version", UP)
    else:
        yield Finding("Migrations", "ok", "leadmill's tables are up to date")


def warehouse_reachable() -> Iterator[Finding]:
    if database_url() is None:
        return
    url = stack.environment()["AIRFLOW_CONN_WAREHOUSE"]
    try:
        psycopg.connect(url, connect_timeout=5).close()
        yield Finding("Warehouse", "ok", "the connection 'warehouse' answers")
    except psycopg.Error as error:
        found = f"the connection 'warehouse' does not answer: {str(error).strip()}"
        yield Finding("Warehouse", "wrong", found, "Mend AIRFLOW_CONN_WAREHOUSE or start that server; runs then go on.")


def database_url() -> str | None:
    """The URL of leadmill's database when it answers."""
    if not Server(stack.folder()).running():
        return None
    try:
        url = stack.environment()["LEADMILL_DATABASE_URL"]
        psycopg.connect(url, connect_timeout=5).close()
    except (psycopg.Error, LeadmillError):
        return None  # reported by postgres_answers
    return url


POSTGRES_CHECKS: tuple[Check, ...] = (
    postgres_answers,
    roles_there,
    migrations_at_head,
    warehouse_reachable,
)
