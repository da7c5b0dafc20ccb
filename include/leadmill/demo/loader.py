"""A user's own file into the demo warehouse, as append-only versions."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Connection, text

from leadmill.columns import slug
from leadmill.demo import source_table, warehouse
from leadmill.demo.warehouse import LoadSummary
from leadmill.errors import LeadmillError, nearest
from leadmill.layout import File
from leadmill.spec import UseCase
from leadmill.storage.csv_file import CsvFile, Header, Progress, check_same_columns, fingerprint
from leadmill.storage.file_keys import key_maker
from leadmill.storage.recorded import CreatedBy, created_by

Keyed = Callable[[tuple[str | None, ...]], tuple[str | None, ...]]
FIRST_PRESENT = timedelta(hours=1)
"""How far after the newest first row the demo clock starts, beyond the safety lag."""
NEXT_PRESENT = timedelta(days=1)


def load_file(use_case: UseCase, path: Path, progress: Progress = lambda _: None) -> LoadSummary:
    """Load a CSV file into the source's table of the demo warehouse, in one transaction: all of it or nothing.

    Every column is kept as text (an empty field as NULL) under its header in lower case with underscores, beside
    ``recorded_at``, ``load_id`` and ``line``. The newest version of a key is what its newest load wrote; a key is
    written again when the file says otherwise. Rows that repeat a key inside one file are all written: the pipeline's
    rules judge them. The same bytes are loaded once. ``progress`` is called with the bytes read since the last call.

    Times: the first load is recorded at ``source.file.created``, rows without a usable number at the load's clock, so
    that the pipeline reads and rejects them; then the demo clock stands an hour after the newest row. Each later load
    is recorded at the demo clock, which moves one day on when something was written.

    Raises FileRejected for a file that is not plain UTF-8 CSV with the expected columns (see CsvFile).
    """
    layout = use_case.source.file
    if layout is None:
        raise LeadmillError(f"Use case '{use_case.name}' has no 'source.file' in its spec, so no file can be loaded.")
    digest = fingerprint(path)
    with warehouse.warehouse_engine().begin() as connection:
        warehouse.prepare(connection)
        earlier = warehouse.earlier_load(connection, use_case.name, digest)
        if earlier:
            return earlier
        with CsvFile(path, progress) as file:
            header = file.header()
            _require(file, header, layout)
            header, keyed = _keyed(header, layout)
            known = source_table.columns(connection, use_case.source.relations[0])
            if known:
                check_same_columns(file, header, known)
            else:
                source_table.create(connection, use_case, header)
                source_table.check_extract(connection, use_case, file, header)
            newest = _copy(connection, file, header, keyed, None if known else created_by(use_case))
        return _record(connection, use_case, path, digest, header, newest, first=not known)


def _keyed(header: Header, layout: File) -> tuple[Header, Keyed]:
    """The columns with the key that is made of them, where the file has none, and what makes a row of the file so."""
    if layout.key_hash is None:
        return header, lambda values: values
    made = key_maker(layout.key_hash, header.columns)
    return (
        Header((*header.titles, layout.key), (*header.columns, slug(layout.key))),
        lambda values: (*values, made(values)),
    )


def _require(file: CsvFile, header: Header, layout: File) -> None:
    if layout.key_hash and slug(layout.key) in header.columns:
        raise file.rejected(f"column '{layout.key}' is made of the others at each load, so no file may hold it", 1)
    asked = [] if layout.key_hash else [layout.key]
    for title in (*asked, *([layout.created.column] if layout.created else [])):
        if slug(title) not in header.columns:
            near = nearest(title, header.titles)
            hint = f"; the file has '{near}' instead" if near else ""
            raise file.rejected(f"column '{title}' is missing{hint}", 1)


def _copy(
    connection: Connection, file: CsvFile, header: Header, keyed: Keyed, rule: CreatedBy | None
) -> datetime | None:
    """Copy the rows into the temporary table ``incoming``; the newest created time among them."""
    source_table.create_incoming(connection, header)
    position = header.columns.index(slug(rule.created.column)) if rule else 0
    newest: datetime | None = None
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    rows = 0
    with raw.cursor() as cursor, cursor.copy("COPY incoming FROM STDIN") as copy:
        for row in file.rows():
            created = rule.time(row.values[position]) if rule else None
            if created and (newest is None or created > newest):
                newest = created
            copy.write_row((row.line, created, *keyed(row.values)))
            rows += 1
    if not rows:
        raise file.rejected("has a header but no rows")
    return newest


def _record(
    connection: Connection,
    use_case: UseCase,
    path: Path,
    digest: str,
    header: Header,
    newest: datetime | None,
    first: bool,
) -> LoadSummary:
    present = warehouse.clock(connection)
    known_times = [moment for moment in (present, newest) if moment]
    # Without a clock and without created times nothing tells the demo what day it is.
    moment = max(known_times) if known_times else datetime.now(UTC)
    load_id: int = connection.execute(
        text(
            "INSERT INTO demo.loads (use_case, file, sha256, recorded_at) "
            "VALUES (:use_case, :file, :sha256, :moment) RETURNING load_id"
        ),
        {"use_case": use_case.name, "file": path.name, "sha256": digest, "moment": moment},
    ).scalar_one()
    counts = source_table.append_versions(connection, use_case, header, load_id, moment)
    if counts["new"] + counts["changed"]:
        step = FIRST_PRESENT + use_case.source.safety_lag if first else NEXT_PRESENT
        warehouse.move_clock(connection, moment + step)
    return _finish(connection, use_case, path, load_id, counts, moment)


def _finish(
    connection: Connection, use_case: UseCase, path: Path, load_id: int, counts: Counter[str], moment: datetime
) -> LoadSummary:
    summary = LoadSummary(
        use_case=use_case.name,
        file=path.name,
        load_id=load_id,
        read=counts.total(),
        new=counts["new"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        recorded_at=moment,
    )
    connection.execute(
        text(
            "UPDATE demo.loads SET read = :read, new = :new, changed = :changed, unchanged = :unchanged "
            "WHERE load_id = :load_id"
        ),
        {
            "read": summary.read,
            "new": summary.new,
            "changed": summary.changed,
            "unchanged": summary.unchanged,
            "load_id": load_id,
        },
    )
    return summary
