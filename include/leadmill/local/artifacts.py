"""MLflow's artifacts after the state folder has moved: MLflow keeps whole addresses of them."""

from pathlib import Path

import psycopg
from psycopg import sql

# Where the versions of MLflow's tables keep addresses.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow(url: str, folder: Path) -> bool:
    """Point MLflow's database at ``url`` to ``folder``, where the artifacts of its experiments are by now.

    An experiment's are in the folder of its name. Those that are not there are left as they are. True where any moved.
    """
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('experiments')").fetchone()
        if found is None or found[0] is None:
            return False
        moved = False
        for name, address in connection.execute("SELECT name, artifact_location FROM experiments").fetchall():
            here = folder.absolute() / name
            if address and address.startswith("file://") and address != here.as_uri() and here.is_dir():
                _readdress(connection, address, here.as_uri())
                moved = True
    return moved


def _readdress(connection: psycopg.Connection, old: str, new: str) -> None:
    for table, column in _ADDRESSES:
        connection.execute(
            sql.SQL(
                "UPDATE {table} SET {column} = %(new)s || substr({column}, length(%(old)s) + 1) "
                "WHERE {column} = %(old)s OR starts_with({column}, %(old)s || '/')"
            ).format(table=sql.Identifier(table), column=sql.Identifier(column)),
            {"old": old, "new": new},
        )
