"""Publish: the prepared rows of a checked window join the append-only history, in one transaction."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.errors import LeadmillError, WindowBlocked
from leadmill.extract.windows import Window, find_window, prepared_rows
from leadmill.faults import kill_point
from leadmill.features.append import append_rows
from leadmill.prepare.outcomes import outcomes_sql
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock
from leadmill.storage.ddl import label_keys


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

    Raises WindowBlocked, and LeadmillError where the window is not wholly prepared.
    """
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "blocked":
            raise WindowBlocked(use_case.name, window.window_id, ["it was blocked by an earlier check"])
        with engine().begin() as connection:
            if window.status == "open":
                _complete(connection, use_case, window)
                append_rows(connection, use_case, window.window_id)
                kill_point("publish.appended")
                _labels(connection, use_case, window.window_id)
                _close(connection, use_case, window.window_id)
                kill_point("publish.before_commit")
            row = connection.execute(
                text("SELECT touched, appended, unchanged, refused FROM ops.windows WHERE window_id = :w"),
                {"w": window.window_id},
            ).one()
    kill_point("publish.committed")
    return Published(f"{names.features_table(use_case)}@{window.window_id}", *row)


def _complete(connection: Connection, use_case: UseCase, window: Window) -> None:
    """Raises LeadmillError where not every accepted row is prepared and checked: another run reads the window again."""
    staged = connection.execute(
        text(f"SELECT count(*) FROM {names.staging_table(use_case)} WHERE window_id = :window"),
        {"window": window.window_id},
    ).scalar_one()
    if staged != prepared_rows(window):
        raise LeadmillError(
            f"Window {window.window_id} of '{use_case.name}' should have {window.prepared:,} prepared rows and has "
            f"{staged:,}. Nothing was published; run {use_case.name}_etl again."
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


def _labels(connection: Connection, use_case: UseCase, window_id: int) -> None:
    """Outcomes of the accepted rows of the window; of two at one time the one that closes, and is positive, counts."""
    key, unique = use_case.entity.key, ", ".join(label_keys(use_case))
    connection.execute(
        text(
            f"INSERT INTO {names.labels_table(use_case)} ({key}, label, closed, occurred_at, known_at, window_id) "
            f"SELECT DISTINCT ON ({unique}) {key}, label, closed, occurred_at, known_at, :window "
            f"FROM ({outcomes_sql(use_case)}) AS found "
            f"ORDER BY {unique}, occurred_at, closed DESC, label DESC NULLS LAST "
            f"ON CONFLICT ({unique}) DO UPDATE SET label = excluded.label, closed = excluded.closed, "
            "occurred_at = excluded.occurred_at, window_id = excluded.window_id"
        ),
        {"window": window_id},
    )


def _close(connection: Connection, use_case: UseCase, window_id: int) -> None:
    key, staging = use_case.entity.key, names.staging_table(use_case)
    # Sets, not joins: of rows this new Postgres has no figures and would join them one by one.
    connection.execute(
        text(
            f"WITH touched AS MATERIALIZED (SELECT DISTINCT {key} FROM {staging} WHERE window_id = :window), "
            "appended AS MATERIALIZED ("
            f" SELECT DISTINCT {key} FROM {names.features_table(use_case)} WHERE window_id = :window), "
            "refused AS MATERIALIZED ("
            f" SELECT {key} FROM {staging} WHERE window_id = :window AND row_no IN ("
            f" SELECT row_no FROM {names.rejected_table(use_case)} WHERE window_id = :window AND suite = 'features')"
            f" EXCEPT SELECT {key} FROM appended), "
            "unchanged AS (SELECT * FROM touched EXCEPT SELECT * FROM appended EXCEPT SELECT * FROM refused) "
            "UPDATE ops.windows SET status = 'published', published_at = now(), "
            "touched = (SELECT count(*) FROM touched), appended = (SELECT count(*) FROM appended), "
            "refused = (SELECT count(*) FROM refused), unchanged = (SELECT count(*) FROM unchanged) "
            "WHERE window_id = :window"
        ),
        {"window": window_id},
    )
    work = [names.staging_table(use_case), *([names.moments_table(use_case)] if use_case.has_events else [])]
    for table in work:
        connection.execute(text(f"DELETE FROM {table} WHERE window_id = :window"), {"window": window_id})
