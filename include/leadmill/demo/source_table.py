"""The table of one use case in the demo warehouse: every row ever loaded, in versions."""

import re
from collections import Counter
from datetime import datetime

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from leadmill.columns import slug
from leadmill.demo.warehouse import grant
from leadmill.errors import nearest
from leadmill.spec import UseCase
from leadmill.storage.csv_file import RESERVED, CsvFile, Header
from leadmill.storage.recorded import EARLIEST, LATEST


def columns(connection: Connection, relation: str) -> dict[str, str]:
    """Column -> header under which it was first loaded, in table order; empty where there is no such table."""
    found = connection.execute(
        text(
            "SELECT attname, coalesce(col_description(attrelid, attnum), attname) FROM pg_attribute "
            "WHERE attrelid = to_regclass(:relation) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ),
        {"relation": relation},
    )
    return {column: title for column, title in found if column not in RESERVED}


def create(connection: Connection, use_case: UseCase, header: Header) -> None:
    """Make schema and table for a first load, readable by the pipeline."""
    relation = use_case.source.relations[0]
    schema, table = relation.split(".")
    fields = ", ".join(f"{_quoted(column)} text" for column in header.columns)
    for statement in (
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"CREATE TABLE {relation} ({fields}, "
        "recorded_at timestamptz NOT NULL, load_id int NOT NULL, line int NOT NULL)",
        f"CREATE INDEX ON {relation} (recorded_at)",
    ):
        connection.exec_driver_sql(statement)
    comments = dict(zip(header.columns, header.titles, strict=True)) | {
        "recorded_at": "When the warehouse learned it, by the demo clock",
        "load_id": "Load that brought it, see demo.loads",
        "line": "Line of the file",
    }
    _comment(connection, f"SCHEMA {schema}", f"{use_case.title}: the demo's stand-in for a customer's warehouse")
    _comment(connection, f"TABLE {relation}", f"{use_case.title}: rows as files gave them, append-only versions")
    for column, comment in comments.items():
        _comment(connection, f"COLUMN {relation}.{_quoted(column)}", comment)
    grant(connection, schema, (table,))


def check_extract(connection: Connection, use_case: UseCase, file: CsvFile, header: Header) -> None:
    """Raises FileRejected when the use case's extract reads a column that the new table does not have."""
    statement = text(f"SELECT FROM ({use_case.sql('extract')}\n) AS extract LIMIT 0")
    try:
        with connection.begin_nested():
            connection.execute(statement, {"since": EARLIEST, "until": LATEST})
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.UndefinedColumn):
            raise
        column = re.findall(r"[a-z0-9_]+", (error.orig.diag.message_primary or "").partition("does not")[0])[-1]
        near = nearest(column, header.columns)
        hint = f"; the nearest in the file is '{header.titles[header.columns.index(near)]}'" if near else ""
        problem = f"column '{column}' is missing, which use case '{use_case.name}' reads (sql/extract.sql){hint}"
        raise file.rejected(problem, 1) from error


def create_incoming(connection: Connection, header: Header) -> None:
    """The temporary table that a file is copied into."""
    fields = ", ".join(f"{_quoted(column)} text" for column in header.columns)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE incoming (line int, recorded_at timestamptz, {fields}) ON COMMIT DROP"
    )


def append_versions(
    connection: Connection, use_case: UseCase, header: Header, load_id: int, moment: datetime
) -> Counter[str]:
    """Write the incoming rows of every key whose rows differ from those of its newest load.

    Rows without a time of their own are recorded at ``moment``. Returns how many rows were new, changed, unchanged.
    """
    assert use_case.source.file
    relation = use_case.source.relations[0]
    # Names that begin with an underscore cannot meet a column of the file: slug() makes none.
    key = f"coalesce({_quoted(slug(use_case.source.file.key))}, '')"
    listed = ", ".join(_quoted(column) for column in header.columns)
    content = f"array_agg(md5(row({listed})::text) ORDER BY md5(row({listed})::text))"
    connection.execute(
        text(
            f"""
            CREATE TEMPORARY TABLE verdict ON COMMIT DROP AS
            WITH arrived AS (
                SELECT {key} AS _key, {content} AS _content FROM incoming GROUP BY 1
            ),
            newest AS (
                SELECT {key} AS _key, max(load_id) AS load_id FROM {relation} GROUP BY 1
            ),
            stored AS (
                SELECT newest._key, {content} AS _content
                FROM arrived
                INNER JOIN newest USING (_key)
                INNER JOIN {relation} AS held ON {key} = newest._key AND held.load_id = newest.load_id
                GROUP BY newest._key
            )
            SELECT
                arrived._key,
                CASE
                    WHEN stored._key IS NULL THEN 'new'
                    WHEN stored._content = arrived._content THEN 'unchanged'
                    ELSE 'changed'
                END AS _status
            FROM arrived LEFT JOIN stored USING (_key)
            """
        )
    )
    counts = connection.execute(
        text(f"SELECT _status, count(*) AS rows FROM incoming INNER JOIN verdict ON {key} = verdict._key GROUP BY 1")
    )
    result = Counter({row._status: row.rows for row in counts})
    connection.execute(
        text(
            f"INSERT INTO {relation} ({listed}, recorded_at, load_id, line) "
            f"SELECT {listed}, coalesce(recorded_at, :moment), :load_id, line "
            f"FROM incoming INNER JOIN verdict ON {key} = verdict._key WHERE _status <> 'unchanged' ORDER BY line"
        ),
        {"moment": moment, "load_id": load_id},
    )
    return result


def _comment(connection: Connection, target: str, comment: str) -> None:
    # COMMENT takes no bound values.
    literal = psycopg.sql.Literal(comment).as_string(connection.connection.driver_connection)
    connection.exec_driver_sql(f"COMMENT ON {target} IS {literal}".replace("%", "%%"))


def _quoted(name: str) -> str:
    return f'"{name}"'
