"""Publish: the prepared rows of a checked window join the append-only history, in one transaction."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.errors import LabelsFailed, LeadmillError, WindowBlocked
from leadmill.extract.windows import Window, find_window, prepared_rows
from leadmill.faults import kill_point
from leadmill.features.append import Appended, Staged, append_rows
from leadmill.prepare.outcomes import faults_said, outcomes_sql
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock
from leadmill.storage.ddl import label_columns, label_keys
from leadmill.storage.figures import summarise
from leadmill.storage.joins import FEW, one_by_one
from leadmill.storage.late_keys import key_afterwards

# A window of 200,000 rows is sorted and hashed in memory; a larger one spills to disk.
_WORK_MEM = "128MB"


@dataclass(frozen=True)
class Published:
    """Entities of a window by what happened to them; ``table`` is where their rows are."""

    table: str
    touched: int
    appended: int
    unchanged: int
    refused: int

    def describe(self) -> str:
        """One readable line for a task log."""
        return (
            f"{self.touched:,} entities: {self.appended:,} with new features, {self.unchanged:,} unchanged, "
            f"{self.refused:,} refused"
        )


def publish_features(use_case: UseCase, address: str) -> Published:
    """Append the window's features and labels and close it. A published window stays as it is.

    Raises WindowBlocked, LabelsFailed, and LeadmillError where the window is not wholly prepared.
    """
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "blocked":
            raise WindowBlocked(use_case.name, window.window_id, ["it was blocked by an earlier check"])
        with engine().begin() as connection:
            if window.status == "open":
                connection.execute(text(f"SET LOCAL work_mem = '{_WORK_MEM}'"))
                staged = _staged(connection, use_case, window)
                appended = append_rows(connection, use_case, window, staged)
                kill_point("publish.appended")
                _labels(connection, use_case, window.window_id)
                _close(connection, use_case, window, staged.entities, appended)
                for table in (names.features_table(use_case), names.labels_table(use_case)):
                    summarise(table, lambda statement: connection.execute(text(statement)))
                kill_point("publish.before_commit")
            row = connection.execute(
                text("SELECT touched, appended, unchanged, refused FROM ops.windows WHERE window_id = :w"),
                {"w": window.window_id},
            ).one()
    kill_point("publish.committed")
    return Published(f"{names.features_table(use_case)}@{window.window_id}", *row)


def _staged(connection: Connection, use_case: UseCase, window: Window) -> Staged:
    """What is prepared. Raises LeadmillError where that is not every accepted row, checked: another run reads again."""
    # What derives features may name other keys than the raw rows, whose check has seen each once.
    once = window.keys_once and not use_case.derives
    entities = "count(*)" if once else f"count(DISTINCT {use_case.entity.key})"
    row = connection.execute(
        text(f"SELECT count(*), {entities} FROM {names.staging_table(use_case)} WHERE window_id = :window"),
        {"window": window.window_id},
    ).one()
    staged = Staged(*row)
    if staged.rows != prepared_rows(window):
        raise LeadmillError(
            f"Window {window.window_id} of '{use_case.name}' should have {window.prepared:,} prepared rows and has "
            f"{staged.rows:,}. Nothing was published; run {use_case.name}_etl again."
        )
    checked = connection.execute(
        text(
            "SELECT EXISTS (SELECT FROM ops.validations WHERE window_id = :window AND attempt = :attempt"
            " AND suite = 'features')"
        ),
        {"window": window.window_id, "attempt": window.attempts},
    ).scalar_one()
    if not checked:
        raise LeadmillError(
            f"Window {window.window_id} of '{use_case.name}' has prepared rows that nobody has checked. Nothing was "
            f"published; run the stage check_features, or {use_case.name}_etl, first."
        )
    return staged


def _labels(connection: Connection, use_case: UseCase, window_id: int) -> None:
    """Outcomes of the accepted rows of the window; of two at one time the one that closes, and is positive, counts.

    One that an earlier window gave otherwise is kept aside: training sets of then are rebuilt with it. Raises
    LabelsFailed.
    """
    labels, keys = names.labels_table(use_case), label_keys(use_case)
    given = [column.name for column in label_columns(use_case)]
    brought = [name for name in given if name != "window_id"]
    unique, listed = ", ".join(keys), ", ".join(given)
    free = [name for name in brought if name not in keys]
    same = " AND ".join(f"held.{name} = found.{name}" for name in keys)
    held, found = (", ".join(f"{row}.{name}" for name in free) for row in ("held", "found"))
    find = (
        f"CREATE TEMP TABLE found ON COMMIT DROP AS SELECT DISTINCT ON ({unique}) {', '.join(brought)}, "
        f"CAST(:window AS bigint) AS window_id FROM ({outcomes_sql(use_case)}) AS found "
        f"ORDER BY {unique}, occurred_at, closed DESC, label DESC NULLS LAST"
    )
    merge = (
        f"WITH written AS (MERGE INTO {labels} AS held USING found ON {same} "
        f"WHEN MATCHED AND ({held}) IS DISTINCT FROM ({found}) THEN UPDATE SET "
        f"{', '.join(f'{name} = found.{name}' for name in (*free, 'window_id'))} "
        f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({', '.join(f'found.{name}' for name in given)}) "
        f"RETURNING merge_action() AS act, {', '.join(f'old.{name}' for name in given)}) "
        f"INSERT INTO {names.replaced_labels_table(use_case)} ({listed}, replaced_by) "
        f"SELECT {listed}, :window FROM written WHERE act = 'UPDATE'"
    )
    with faults_said(use_case):
        rows = connection.execute(text(find), {"window": window_id}).rowcount
        with one_by_one(connection) if rows <= FEW else key_afterwards(connection, labels, rows):
            connection.execute(text(merge), {"window": window_id})
    if use_case.label.aggregate is None:
        _check_classes(connection, use_case, window_id)


def _check_classes(connection: Connection, use_case: UseCase, window_id: int) -> None:
    stray = connection.execute(
        text(
            f"SELECT min(label) FROM {names.labels_table(use_case)} WHERE window_id = :window AND label NOT IN (0, 1)"
        ),
        {"window": window_id},
    ).scalar_one()
    if stray is not None:
        raise LabelsFailed(use_case.name, f"it gives the label {stray}; allowed: 1, 0 or null")


def _close(connection: Connection, use_case: UseCase, window: Window, touched: int, appended: Appended) -> None:
    """Every touched entity is appended, refused or unchanged; the work tables held nothing but this window.

    Of a snapshot every row of the store is a donor, so no more than those that joined it.
    """
    connection.execute(
        text(
            "UPDATE ops.windows SET status = 'published', published_at = now(), touched = :touched, "
            "donors = CASE WHEN :events THEN donors ELSE :rows END, appended = :appended, refused = :refused, "
            "unchanged = :unchanged WHERE window_id = :window"
        ),
        {
            "window": window.window_id,
            "touched": touched,
            "events": use_case.has_events,
            "rows": appended.rows,
            "appended": appended.entities,
            "refused": appended.refused,
            "unchanged": touched - appended.entities - appended.refused,
        },
    )
    work = [names.staging_table(use_case), *([names.moments_table(use_case)] if use_case.has_events else [])]
    for table in work:
        _empty(connection, table)


def _empty(connection: Connection, table: str) -> None:
    """Empty a work table at once; row by row where somebody, such as a backup, holds it and would make all wait."""
    connection.execute(
        text(
            f"DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT; TRUNCATE {table}; "
            f"EXCEPTION WHEN lock_not_available THEN DELETE FROM {table}; END $$"
        )
    )
