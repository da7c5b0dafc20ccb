"""The roles and databases of the embedded server."""

from dataclasses import asdict

import psycopg
from psycopg import sql

from leadmill.errors import LeadmillError
from leadmill.local.credentials import Credentials
from leadmill.local.postgres import HOST, SUPERUSER
from leadmill.names import FOLLOW_UP_ROLE, READER_ROLE

ROLES = ("leadmill", "warehouse", "leadmill_source", READER_ROLE)
OWNERS = {
    "warehouse": "warehouse",
    "leadmill": "leadmill",
    "airflow": "leadmill",
    "mlflow": "leadmill",
    "feast": "leadmill",
}
# Roles that may only read, and the one database that each may enter.
READERS = {"leadmill_source": "warehouse", READER_ROLE: "leadmill"}
# Nobody logs in as a group: its owner grants it to people and systems.
GROUPS = {FOLLOW_UP_ROLE: "leadmill"}


class DatabaseRefused(LeadmillError):
    """The embedded server did not let us in."""

    def __init__(self, user: str, port: int, reason: str) -> None:
        self.user = user
        super().__init__(
            f"The embedded PostgreSQL on port {port} refused the user '{user}': {reason.strip()}. {_remedy(reason)}"
        )


def _remedy(reason: str) -> str:
    # libpq gives no code for what is refused at the door. Whoever is told of a reset may do it: only where it helps.
    if "password authentication failed" not in reason:
        return "'./leadmill doctor' says what is wrong."
    return (
        "Where secrets.json was changed, put the original back; "
        "'./leadmill reset' starts afresh (that deletes the local databases)."
    )


def connect(port: int, user: str, password: str, database: str) -> psycopg.Connection:
    """A connection in autocommit mode. Raises DatabaseRefused."""
    try:
        return psycopg.connect(
            host=HOST, port=port, user=user, password=password, dbname=database, autocommit=True, connect_timeout=10
        )
    except psycopg.OperationalError as error:
        raise DatabaseRefused(user, port, str(error)) from error


def ensure(port: int, credentials: Credentials) -> bool:
    """Make the roles and databases that are missing; True when any was made."""
    with connect(port, SUPERUSER, credentials.postgres, "postgres") as connection:
        have_roles = _names(connection, "SELECT rolname FROM pg_roles")
        have_databases = _names(connection, "SELECT datname FROM pg_database")
        # A role whose databases are not complete was perhaps interrupted before its grants: do its grants again.
        complete = have_roles.issuperset((*ROLES, *GROUPS)) and have_databases.issuperset(OWNERS)
        if complete:
            return False
        for role in ROLES:
            if role not in have_roles:
                _create_role(connection, role, asdict(credentials)[role])
        for group in GROUPS:
            if group not in have_roles:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
        for role in READERS:
            connection.execute(
                sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(role))
            )
        for database, owner in OWNERS.items():
            if database not in have_databases:
                _create_database(connection, database, owner)
        for group, database in GROUPS.items():
            grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
            connection.execute(grant.format(sql.Identifier(database), sql.Identifier(group)))
    return True


def _create_role(connection: psycopg.Connection, role: str, password: str) -> None:
    # The server gets a SCRAM verifier, so that no log of a failed statement can show the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _create_database(connection: psycopg.Connection, database: str, owner: str) -> None:
    name = sql.Identifier(database)
    # Made under a draft name and renamed last, so that a database of the right name always has its grants.
    draft = sql.Identifier(f"{database}_draft")
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(draft))
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(draft, sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM public").format(draft))
    for role, readable in READERS.items():
        if readable == database:
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(draft, sql.Identifier(role)))
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(draft, name))


def _names(connection: psycopg.Connection, query: str) -> set[str]:
    return {row[0] for row in connection.execute(query.encode())}
