"""Tables of one use case, derived from its spec: created where absent, columns added where new."""

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.columns import UNKNOWN_LEVEL, Column
from leadmill.errors import ColumnChanged
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.ddl_scores import make_score_views, score_tables
from leadmill.storage.literals import literal
from leadmill.storage.table import Table, TableColumn

# How Postgres writes the names of types that we write shorter.
_WRITTEN = {"int": "integer", "timestamptz": "timestamp with time zone"}
_BROUGHT = TableColumn("window_id", "bigint NOT NULL", "Window that brought it, see ops.windows")


def feature_columns(use_case: UseCase) -> Iterator[TableColumn]:
    """The prepared columns in table order: each feature, then its flag.

    In rows older than a feature it reads as its constant, flagged as missing.
    """
    for column in use_case.feature_columns:
        unit = f" in {column.unit}" if column.unit else ""
        levels = f"; ordinal of {', '.join(column.levels)}" if column.type == "ordered" else ""
        title = f"{column.title}{unit}{levels}"
        constant = int(column.cold_start) if column.sql_type == "bigint" else column.cold_start  # type: ignore[arg-type]
        yield TableColumn(column.name, column.sql_type, title, literal(str(constant)))
        if column.has_flag:
            comment = f"Whether '{column.name}' was missing and has been filled"
            yield TableColumn(column.flag, "boolean", comment, "'true'")


def label_keys(use_case: UseCase) -> tuple[str, ...]:
    """What tells outcomes apart: an event source may record several at one time."""
    return (use_case.entity.key, "known_at", *(("occurred_at",) if use_case.has_events else ()))


def label_columns(use_case: UseCase) -> tuple[TableColumn, ...]:
    """What is stored of an outcome."""
    return (
        _key(use_case),
        _label(use_case),
        TableColumn("closed", "boolean NOT NULL", f"Whether it closes the {use_case.entity.name}", "'false'"),
        TableColumn("occurred_at", "timestamptz", "When the outcome happened"),
        TableColumn("known_at", "timestamptz NOT NULL", "When the outcome was recorded"),
        TableColumn("window_id", "bigint NOT NULL", "Window that brought it"),
    )


def _key(use_case: UseCase) -> TableColumn:
    entity = use_case.entity
    return TableColumn(entity.key, entity.sql_type + " NOT NULL", f"Key of the {entity.name}")


def tables(use_case: UseCase) -> tuple[Table, ...]:
    """Every table of the use case."""
    key = _key(use_case)
    features = tuple(feature_columns(use_case))
    lineage = (
        TableColumn("imputer_version", "int NOT NULL", "Imputer that filled the row; 0 = the constants of the spec"),
        TableColumn("spec_version", "text NOT NULL", "Version of the spec"),
        TableColumn("content_hash", "text NOT NULL", "Hash of the values before filling"),
    )
    event = TableColumn("event_timestamp", "timestamptz NOT NULL", "Moment of the features")
    created = TableColumn("created_timestamp", "timestamptz NOT NULL", "When it was written, by the source's clock")
    raw = tuple(TableColumn(column.name, "text", column.title) for column in use_case.raw_columns)
    outcome = () if use_case.has_events else (TableColumn("label", "smallint", "Outcome, where the row has one"),)
    return (
        Table(
            names.raw_table(use_case),
            f"{use_case.title}: rows as the source gave them, as text",
            (
                _BROUGHT,
                TableColumn("row_no", "bigint NOT NULL", "Position in the window"),
                TableColumn("recorded_at", "timestamptz NOT NULL", "Watermark of the row"),
                TableColumn("content_hash", "uuid NOT NULL", "Hash of all columns but the watermark"),
                TableColumn(use_case.entity.key, "text", f"Key of the {use_case.entity.name}, as given"),
                TableColumn(use_case.label.name, "text", "Outcome, as given"),
                *raw,
            ),
            ("window_id", "row_no"),
            ("USING brin (recorded_at)", *(("(content_hash)",) if use_case.has_events else ())),
        ),
        Table(
            names.rejected_table(use_case),
            f"{use_case.title}: whole rows that broke a rule",
            (
                _BROUGHT,
                TableColumn("row_no", "bigint NOT NULL", "Position in the window"),
                TableColumn("suite", "text NOT NULL", "raw, or features for a row that failed after preparation"),
                TableColumn("recorded_at", "timestamptz NOT NULL", "Watermark of the row"),
                TableColumn("key", "text", f"Key of the {use_case.entity.name}, as given, at most 200 characters"),
                TableColumn("rules", "text[] NOT NULL", "Every rule that it broke"),
                TableColumn("row", "jsonb NOT NULL", "The row, whole"),
            ),
            ("window_id", "row_no"),
            (f"({use_case.entity.same_key('key')})", *(("(key)",) if use_case.has_events else ())),
        ),
        Table(
            names.staging_table(use_case),
            f"{use_case.title}: prepared features of the window in work",
            (
                TableColumn("window_id", "bigint NOT NULL", "Window in work"),
                TableColumn("row_no", "bigint NOT NULL", "Position in the window"),
                key,
                event,
                *outcome,
                *features,
                TableColumn("imputer_version", "int NOT NULL", "Imputer that filled the row"),
                TableColumn("content_hash", "text NOT NULL", "Hash of the values before filling"),
            ),
            ("window_id", "row_no"),
        ),
        Table(
            names.features_table(use_case),
            f"{use_case.title}: append-only feature history",
            # Rows are often found by their window: Postgres takes a row apart only as far as it must.
            (key, event, created, _BROUGHT, *features, *lineage),
            (use_case.entity.key, "event_timestamp", "created_timestamp"),
            ("USING brin (window_id, event_timestamp)",),
        ),
        Table(
            names.labels_table(use_case),
            f"{use_case.title}: outcomes, of an entity the one that happened last counts",
            label_columns(use_case),
            label_keys(use_case),
            ("USING brin (window_id)",),
        ),
        Table(
            names.replaced_labels_table(use_case),
            f"{use_case.title}: outcomes as they stood until a later window gave another of the same times",
            (
                *label_columns(use_case),
                TableColumn("replaced_by", "bigint NOT NULL", "Window that brought the other"),
            ),
            (*label_keys(use_case), "replaced_by"),
        ),
        *(_event_tables(use_case, key) if use_case.has_events else (_confirmed(use_case, key),)),
        *score_tables(use_case, key),
    )


def _label(use_case: UseCase) -> TableColumn:
    title = use_case.label.title or use_case.label.name
    if use_case.label.aggregate is None:
        return TableColumn("label", "smallint", f"{title}; null: no outcome")
    unit = f" in {use_case.label.unit}" if use_case.label.unit else ""
    return TableColumn("label", "double precision", f"Amount{unit} that counts into: {title}; null: no amount")


def _confirmed(use_case: UseCase, key: TableColumn) -> Table:
    return Table(
        names.confirmed_table(use_case),
        f"{use_case.title}: when accepted rows said what the {use_case.entity.name}'s features said already",
        (
            key,
            TableColumn("recorded_at", "timestamptz NOT NULL", "Watermark of the row"),
            _BROUGHT,
        ),
        (use_case.entity.key, "recorded_at"),
    )


def _event_tables(use_case: UseCase, key: TableColumn) -> tuple[Table, ...]:
    entity = use_case.entity
    facts = tuple(TableColumn(column.name, column.sql_type, column.title) for column in use_case.raw_columns)
    first = TableColumn("first_recorded_at", "timestamptz NOT NULL", "Recorded time of its first fact; ages count from")
    return (
        Table(
            names.facts_table(use_case),
            f"{use_case.title}: accepted facts, typed; features derive from them",
            (
                _BROUGHT,
                TableColumn("row_no", "bigint NOT NULL", "Position in the window"),
                key,
                TableColumn("recorded_at", "timestamptz NOT NULL", "When the source recorded it"),
                TableColumn("label", "smallint", "Outcome, where the fact is one"),
                *facts,
            ),
            ("window_id", "row_no"),
            (f"({entity.key}, recorded_at)",),
        ),
        Table(
            names.entities_table(use_case),
            f"{use_case.title}: every {entity.name} that a fact names",
            (key, first, _BROUGHT),
            (entity.key,),
            ("(first_recorded_at)", "USING brin (window_id)"),
        ),
        Table(
            names.moments_table(use_case),
            f"{use_case.title}: when features are computed in the window in work",
            (
                TableColumn("window_id", "bigint NOT NULL", "Window in work"),
                TableColumn("row_no", "bigint NOT NULL", "Position in the window, after its facts"),
                key,
                TableColumn("as_of", "timestamptz NOT NULL", "Moment; only facts recorded by then are known"),
                first,
                TableColumn("donor", "boolean NOT NULL", "Whether imputers learn from it: the first declared age"),
            ),
            ("window_id", "row_no"),
        ),
    )


def ensure_tables(use_case: UseCase) -> None:
    """Create what is absent and add new columns, in one transaction; running it again changes nothing.

    A new feature is written online for every entity by the next materialization. Raises ColumnChanged where a column
    exists with another type.
    """
    with engine().begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('leadmill/ddl', 0))"))
        changed = {table.name: _ensure(connection, use_case, table) for table in tables(use_case)}
        # Only then: replacing a view waits for everybody who reads it.
        if not any(changed.values()):
            return
        latest, source, key = names.latest_view(use_case), names.features_table(use_case), use_case.entity.key
        connection.execute(
            text(
                f"CREATE OR REPLACE VIEW {latest} AS SELECT DISTINCT ON ({key}) * FROM {source} "
                f"ORDER BY {key}, event_timestamp DESC, created_timestamp DESC"
            )
        )
        connection.execute(text(f"COMMENT ON VIEW {latest} IS 'Newest feature row per key'"))
        if changed[names.score_rows_table(use_case)]:
            make_score_views(connection, use_case)
        if changed[source]:
            connection.execute(
                text("UPDATE ops.windows SET materialized = false WHERE use_case = :name"), {"name": use_case.name}
            )


def _ensure(connection: Connection, use_case: UseCase, table: Table) -> bool:
    """Whether the table or a column of it had to be made."""
    found = connection.execute(
        text(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            "WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
        ),
        {"table": table.name},
    )
    present = {row[0]: row[1] for row in found}
    new = [column for column in table.columns if column.name not in present]
    if not present:
        body = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        # After a crash of the server work tables are empty, and the window in work is read again.
        logged = "UNLOGGED" if table.name.startswith("staging.") else ""
        keys = ", ".join(table.keys)
        connection.execute(text(f"CREATE {logged} TABLE {table.name} ({body}, PRIMARY KEY ({keys}))"))
        for index in table.indexes:
            connection.execute(text(f"CREATE INDEX ON {table.name} {index}"))
        connection.execute(text(f"COMMENT ON TABLE {table.name} IS {literal(table.comment)}"))
    else:
        _check_types(use_case, table, present)
        flagged = {feature.flag: feature for feature in use_case.feature_columns if feature.name in present}
        for column in new:
            if column.name in flagged:
                _add_flag(connection, table, column, flagged[column.name])
            else:
                _add(connection, table, column)
    for column in new:
        connection.execute(text(f"COMMENT ON COLUMN {table.name}.{column.name} IS {literal(column.comment)}"))
    return bool(new)


def _add_flag(connection: Connection, table: Table, flag: TableColumn, feature: Column) -> None:
    """Add the flag of a feature that is older: it had no gaps, or called them unknown."""
    _add(connection, table, replace(flag, before="'false'"))
    if feature.type == "category":
        unknown = f"{feature.name} = '{UNKNOWN_LEVEL}'"
        connection.execute(text(f"UPDATE {table.name} SET {flag.name} = true WHERE {unknown}"))


def _check_types(use_case: UseCase, table: Table, present: dict[str, str]) -> None:
    for column in table.columns:
        declared = column.type.removesuffix(" NOT NULL")
        declared = _WRITTEN.get(declared, declared)
        found = present.get(column.name, declared)
        if found != declared:
            raise ColumnChanged(use_case.name, table.name, column.name, found, declared)


def _add(connection: Connection, table: Table, column: TableColumn) -> None:
    """Add a column to a table that has rows: they get ``before``, later ones must bring their own value."""
    if column.before is None:
        nullable = column.type.removesuffix(" NOT NULL")
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {nullable}"))
        return
    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {column.type} DEFAULT {column.before}"))
    connection.execute(text(f"ALTER TABLE {table.name} ALTER COLUMN {column.name} DROP DEFAULT"))
