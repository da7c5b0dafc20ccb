"""deploy/postgres/roles.sql makes in a container what leadmill.local.databases makes in the embedded server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from compose_support import PATH, ROOT

from leadmill.local import credentials, databases
from leadmill.local.ports import free_port
from leadmill.local.postgres import Server, binaries
from leadmill.local.state import StateFolder

ONLY_IN_CONTAINERS = "leadmill_monitor"
COMPARED = (
    "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolconfig FROM pg_roles "
    "WHERE rolname !~ '^pg_' AND rolname <> 'leadmill_monitor' ORDER BY 1",
    "SELECT datname, datdba::regrole, datacl FROM pg_database ORDER BY 1",
    "SELECT roleid::regrole, member::regrole FROM pg_auth_members "
    "WHERE member::regrole::text !~ '^(pg_|leadmill_monitor)' ORDER BY 1, 2",
)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, credentials.Credentials, Path]]:
    """A fresh server without our roles; its port and passwords, and a folder with the same passwords as files."""
    base = tmp_path_factory.mktemp("roles")
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    for folder in (base, base.parent, base.parent.parent):
        folder.chmod(0o711)
    state = StateFolder(base / "state")
    state.create()
    known = credentials.load_or_create(state.secrets)
    secrets = base / "secrets"
    secrets.mkdir()
    for role in databases.ROLES:
        (secrets / f"{role}_password").write_text(getattr(known, role))
    (secrets / f"{ONLY_IN_CONTAINERS}_password").write_text("watching")
    running = Server(state)
    running.initialise(known)
    port = free_port(25440)
    running.start(port)
    yield port, known, secrets
    running.stop()


def facts(port: int, password: str) -> list[list[tuple[Any, ...]]]:
    with databases.connect(port, "postgres", password, "postgres") as connection:
        return [connection.execute(query.encode()).fetchall() for query in COMPARED]


def test_roles_databases_and_grants_are_those_of_the_embedded_server(
    server: tuple[int, credentials.Credentials, Path], postgres: dict[str, str]
) -> None:
    port, known, secrets = server
    subprocess.run(
        [
            *(str(binaries() / "psql"), "--no-psqlrc", "--quiet", "-h", "127.0.0.1", "-p", str(port)),
            *("-U", "postgres", "-f", str(ROOT / "deploy" / "postgres" / "roles.sql")),
        ],
        env={"PATH": PATH, "PGPASSWORD": known.postgres, "LEADMILL_SECRETS": str(secrets)},
        check=True,
    )
    stored = credentials.load(StateFolder(Path(postgres["LEADMILL_STATE"])).secrets)
    assert facts(port, known.postgres) == facts(int(postgres["LEADMILL_PG_PORT"]), stored.postgres)
    assert databases.ensure(port, known) is False
    for role in databases.ROLES:
        database = {"warehouse": "warehouse", "leadmill_source": "warehouse"}.get(role, "leadmill")
        databases.connect(port, role, getattr(known, role), database).close()
    with databases.connect(port, ONLY_IN_CONTAINERS, "watching", "postgres") as watcher:
        assert watcher.execute("SELECT count(*) > 0 FROM pg_stat_activity").fetchone() == (True,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            watcher.execute("CREATE TABLE x (y int)")
