"""The ledger of windows: what was read, what is in work, what is published."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import LeadmillError
from leadmill.spec import UseCase
from leadmill.storage.database import engine


@dataclass(frozen=True)
class Window:
    """One row of ``ops.windows``; all times are timezone-aware UTC."""

    window_id: int
    use_case: str
    since: datetime | None
    until: datetime
    source_now: datetime
    status: str
    attempts: int
    accepted: int | None
    rejected: int | None
    prepared: int | None
    read: int
    keys_once: bool | None
    blocked_reason: str | None

    @property
    def address(self) -> str:
        """What tasks pass on instead of data, such as ``orders/3``."""
        return f"{self.use_case}/{self.window_id}"


_COLUMNS = (
    "window_id, use_case, since, until, source_now, status, attempts, accepted, rejected, prepared, read, keys_once, "
    "blocked_reason"
)


def open_window(use_case: UseCase, run_id: str) -> Window | None:
    """The window to work on: the unpublished one extended to now, or a new one; None where time stood still.

    What earlier attempts left of an unpublished window is removed with its extension, in the same transaction.
    """
    now = source_now(use_case)
    until = now - use_case.source.safety_lag
    with engine().begin() as connection:
        since = connection.execute(
            text("SELECT max(until) FROM ops.windows WHERE use_case = :name AND status = 'published'"),
            {"name": use_case.name},
        ).scalar_one()
        if since is not None and until <= since:
            return None
        values = {
            "name": use_case.name,
            "since": since,
            "until": until,
            "now": now,
            "run": run_id,
            "version": use_case.version,
        }
        row = connection.execute(
            text(
                "UPDATE ops.windows SET until = greatest(until, :until), source_now = :now, status = 'open', "
                "attempts = attempts + 1, run_id = :run, "
                "released_by = NULL, release_reason = NULL, accepted = NULL, rejected = NULL, prepared = NULL, "
                "keys_once = NULL, donors = NULL, waiting = 0, spec_version = :version, "
                "already_seen = NULL, read = 0 "
                f"WHERE use_case = :name AND status <> 'published' RETURNING {_COLUMNS}"
            ),
            values,
        ).one_or_none()
        if row is None:
            row = connection.execute(
                text(
                    "INSERT INTO ops.windows (use_case, since, until, source_now, status, run_id, spec_version) "
                    f"VALUES (:name, :since, :until, :now, 'open', :run, :version) RETURNING {_COLUMNS}"
                ),
                values,
            ).one()
        window = Window(**row._mapping)
        clear_work(connection, use_case, window.window_id)
    return window


def clear_work(connection: Connection, use_case: UseCase, window_id: int) -> None:
    """Remove what earlier attempts at an unpublished window left, its imputers too: its rows may be gone by now."""
    for table in [*_work_tables(use_case), "ops.imputers"]:
        connection.execute(text(f"DELETE FROM {table} WHERE window_id = :window"), {"window": window_id})


def _work_tables(use_case: UseCase) -> list[str]:
    """Tables that hold rows of a window before it is published."""
    found = [names.raw_table(use_case), names.rejected_table(use_case), names.staging_table(use_case)]
    if use_case.has_events:
        found += [names.facts_table(use_case), names.entities_table(use_case), names.moments_table(use_case)]
    return found


def find_window(use_case: UseCase, address: str) -> Window:
    """The window at ``address``. Raises LeadmillError where there is none."""
    _, _, number = address.rpartition("/")
    with engine().connect() as connection:
        row = connection.execute(
            text(f"SELECT {_COLUMNS} FROM ops.windows WHERE window_id = :window AND use_case = :name"),
            {"window": int(number), "name": use_case.name},
        ).one_or_none()
    if row is None:
        raise LeadmillError(f"There is no window {number} of '{use_case.name}' in ops.windows.")
    return Window(**row._mapping)


def unpublished(use_case: UseCase) -> str | None:
    """Address of the window in work or blocked, or None; the ledger holds at most one."""
    with engine().connect() as connection:
        found = connection.execute(
            text("SELECT window_id FROM ops.windows WHERE use_case = :name AND status <> 'published'"),
            {"name": use_case.name},
        ).scalar()
    return None if found is None else f"{use_case.name}/{found}"


def accepted_rows(window: Window) -> int:
    """Rows of the window that its check accepted. Raises LeadmillError where this attempt was not checked yet."""
    if window.accepted is None:
        raise LeadmillError(
            f"Window {window.window_id} of '{window.use_case}' was read again and is not checked yet: another run "
            "works on it. Wait for that run, or run the DAG again."
        )
    return window.accepted


def prepared_rows(window: Window) -> int:
    """Feature rows that the window's preparation made. Raises LeadmillError where this attempt did not come so far."""
    accepted_rows(window)
    if window.prepared is None:
        raise LeadmillError(
            f"Window {window.window_id} of '{window.use_case}' is not prepared yet: run the stage impute_encode, or "
            f"{window.use_case}_etl, first."
        )
    return window.prepared


def block(use_case: UseCase, window: Window, reason: str) -> None:
    """Mark the window blocked: nothing of it may be published. What is published already stays so."""
    with engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE ops.windows SET status = 'blocked', blocked_reason = :reason "
                "WHERE window_id = :window AND status <> 'published'"
            ),
            {"reason": reason[:2000], "window": window.window_id},
        )


def close_empty(connection: Connection, window: Window, read: int) -> None:
    """Publish a window that brought nothing new: the watermark moves on, verified through ``until``."""
    connection.execute(
        text(
            "UPDATE ops.windows SET status = 'published', read = :read, already_seen = :read, accepted = 0, "
            "rejected = 0, prepared = 0, "
            "touched = 0, appended = 0, unchanged = 0, refused = 0, published_at = now(), materialized = true "
            "WHERE window_id = :window"
        ),
        {"read": read, "window": window.window_id},
    )
