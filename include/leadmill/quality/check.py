"""Check a window twice: its raw rows, and its prepared features; set broken rows aside, block broken windows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.errors import SHOWN_EXAMPLES, LeadmillError, WindowBlocked, examples
from leadmill.extract.windows import Window, accepted_rows, block, find_window, prepared_rows
from leadmill.faults import kill_point
from leadmill.garbage import seldom_collected
from leadmill.quality.quarantine import Quarantined, set_aside_features, set_aside_raw
from leadmill.quality.rules import Rule, all_rules
from leadmill.quality.suites import Batch, broken_batch, feature_rules, features_batch, raw_batch
from leadmill.quality.validate import Report, validate
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine, use_case_lock


@dataclass(frozen=True)
class Release:
    """A person's decision to let a window through that a batch rule has blocked.

    It is for what the person has seen: a window that was not blocked before this attempt is judged without it.
    """

    author: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise LeadmillError("A blocked window is released with a reason: give one beside 'release_window'.")


@dataclass(frozen=True)
class Checked:
    """Rows of a window by verdict, what broke (rule -> rows), and some of the rows that broke it."""

    accepted: int
    rejected: int
    broken: dict[str, int]
    rows: tuple[str, ...]
    document: str

    def describe(self) -> str:
        """One readable paragraph for a task log."""
        return f"{self.accepted:,} rows accepted, {self.rejected:,} rejected. {self.what_broke()}"

    def what_broke(self) -> str:
        """The broken rules with their rows, worst first, and examples."""
        worst = sorted(self.broken.items(), key=lambda pair: -pair[1])
        if not worst:
            return "No rule is broken."
        rules = examples([f"{rule} ({rows:,} rows)" for rule, rows in worst])
        return f"Broken: {rules}. For instance {'; '.join(self.rows)}."


@seldom_collected()
def check_raw(use_case: UseCase, address: str, run_id: str, release: Release | None = None) -> Checked:
    """Judge every raw row; whole rows that break a rule go to ``rejected.<use case>`` with every rule they broke.

    Raises WindowBlocked where the share of rejected rows is above the spec's limit and nobody released the window. A
    published window is not judged again.
    """
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "published":
            return _judged_before(window)
        with copy_connection() as connection:
            found = set_aside_raw(connection, use_case, window)
            kill_point("check_raw.quarantined")
        kill_point("check_raw.set_aside")
        report = _validate(use_case, window, "raw", run_id, raw_batch(use_case, window.window_id))
        document = _details(use_case, window, "raw", all_rules(use_case), report)
        _agree(report, found.broken)
        rows = _rows(use_case, window, "raw")
        checked = Checked(found.judged - found.rejected, found.rejected, found.broken, rows, document)
        _pass_or_block(use_case, window, checked, found, release)
    return checked


@seldom_collected()
def check_features(use_case: UseCase, address: str, run_id: str) -> Checked:
    """Judge every prepared row; one that fails is refused. Raises WindowBlocked: rows are missing, too many refused."""
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "published":
            return _judged_before(window)
        prepared, rules = prepared_rows(window), feature_rules(use_case)
        report = _validate(use_case, window, "features", run_id, features_batch(use_case, window.window_id, prepared))
        failed = {finding.rule for finding in report.broken}
        with engine().begin() as connection:
            broken = set_aside_features(connection, use_case, window, [rule for rule in rules if rule.name in failed])
            refused = _set_aside(connection, use_case, window, "features")
        document = _details(use_case, window, "features", rules, report)
        _agree(report, broken)
        checked = Checked(prepared - refused, refused, broken, _rows(use_case, window, "features"), document)
        row_names = {rule.name for rule in rules}
        reasons = [f.rule for f in report.broken if f.rule not in row_names]
        if refused > _bearable(use_case, prepared):
            reasons.append(f"{refused:,} of {prepared:,} prepared rows are not fit. {checked.what_broke()}")
        if reasons:
            block(use_case, window, "; ".join(reasons))
            raise WindowBlocked(use_case.name, window.window_id, reasons)
    return checked


def _judged_before(window: Window) -> Checked:
    return Checked(accepted_rows(window), window.rejected or 0, {}, (), "")


def _validate(use_case: UseCase, window: Window, suite: str, run_id: str, batch: Batch) -> Report:
    """Great Expectations' verdict, kept in ``ops.validations``."""
    report = validate(use_case, suite, _batch_name(window, suite), batch)
    values = [
        {
            "use_case": use_case.name,
            "window": window.window_id,
            "attempt": window.attempts,
            "suite": suite,
            "rule": finding.rule,
            "column": finding.column,
            "success": finding.success,
            "failed": finding.failed,
            "examples": json.dumps(finding.examples),
            "document": report.document,
            "run": run_id,
        }
        for finding in report.findings
    ]
    with engine().begin() as connection:
        connection.execute(
            text("DELETE FROM ops.validations WHERE window_id = :window AND attempt = :attempt AND suite = :suite"),
            values[0],
        )
        connection.execute(
            text(
                "INSERT INTO ops.validations (use_case, window_id, attempt, suite, rule, column_name, success, "
                "checked, failed, examples, document, run_id) VALUES (:use_case, :window, :attempt, :suite, :rule, "
                ":column, :success, (SELECT CASE WHEN :suite = 'raw' THEN read - already_seen ELSE prepared END "
                "FROM ops.windows WHERE window_id = :window), :failed, :examples, :document, :run)"
            ),
            values,
        )
    return report


def _details(use_case: UseCase, window: Window, suite: str, rules: Sequence[Rule], report: Report) -> str:
    """Show the rows of the broken rules on a page of their own, and name it; the report's page where none is broken."""
    broken = [finding.rule for finding in report.broken if finding.column]
    if not broken:
        return report.document
    batch = broken_batch(use_case, suite, window.window_id, rules, broken)
    shown = validate(use_case, f"{suite}-broken", f"{_batch_name(window, suite)}-broken", batch)
    values = {"window": window.window_id, "attempt": window.attempts, "suite": suite, "document": shown.document}
    with engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE ops.validations SET document = :document "
                "WHERE window_id = :window AND attempt = :attempt AND suite = :suite"
            ),
            values,
        )
        connection.execute(
            text(
                "UPDATE ops.validations SET examples = :examples WHERE window_id = :window AND attempt = :attempt "
                "AND suite = :suite AND rule = :rule"
            ),
            [{**values, "rule": found.rule, "examples": json.dumps(found.examples)} for found in shown.findings],
        )
    return shown.document


def _batch_name(window: Window, suite: str) -> str:
    return f"window-{window.window_id}-attempt-{window.attempts}-{suite}"


def _rows(use_case: UseCase, window: Window, suite: str) -> tuple[str, ...]:
    """The first rejected rows, as "key: rules"."""
    with engine().connect() as connection:
        found = connection.execute(
            text(
                f"SELECT left(key, 60) AS key, rules FROM {names.rejected_table(use_case)} "
                "WHERE window_id = :window AND suite = :suite ORDER BY row_no LIMIT :most"
            ),
            {"window": window.window_id, "suite": suite, "most": SHOWN_EXAMPLES},
        )
        return tuple(f"{row.key}: {examples(row.rules)}" for row in found)


def _set_aside(connection: Connection, use_case: UseCase, window: Window, suite: str) -> int:
    counted = connection.execute(
        text(f"SELECT count(*) FROM {names.rejected_table(use_case)} WHERE window_id = :window AND suite = :suite"),
        {"window": window.window_id, "suite": suite},
    )
    rows: int = counted.scalar_one()
    return rows


def _agree(report: Report, broken: dict[str, int]) -> None:
    """What Great Expectations counted is what the judge and the quarantine say: of raw rows, that nothing was lost on
    the way into the quarantine; of prepared rows, that the same predicates found the same rows.
    """
    found = {finding.rule: finding.failed for finding in report.broken if finding.column}
    if found != broken:
        raise LeadmillError(f"The suite found {found}, the quarantine {broken}: they must agree. Please report this.")


def _bearable(use_case: UseCase, rows: int) -> float:
    """How many of ``rows`` may be rejected before the window is blocked."""
    return max(use_case.source.max_rejected_share * rows, use_case.source.rejected_allowed)


def _pass_or_block(
    use_case: UseCase, window: Window, checked: Checked, found: Quarantined, release: Release | None
) -> None:
    """Write the verdict down, last of all and at once: a window without ``accepted`` rows goes no further."""
    total = checked.accepted + checked.rejected
    values: dict[str, object] = {
        "window": window.window_id,
        "accepted": checked.accepted,
        "rejected": checked.rejected,
        "keys_once": found.keys_once,
        "status": "open",
        "blocked": None,
        "author": None,
        "why": None,
    }
    reason = (
        f"{checked.rejected:,} of {total:,} rows rejected, more than the limit of "
        f"{use_case.source.max_rejected_share:.0%}. {checked.what_broke()}"
    )
    too_many = checked.rejected > _bearable(use_case, total)
    release = release if window.blocked_reason else None
    if too_many and release is None:
        values |= {"status": "blocked", "blocked": reason[:2000]}
    elif too_many and release is not None:
        values |= {"blocked": reason[:2000], "author": release.author, "why": release.reason}
    with engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE ops.windows SET accepted = :accepted, rejected = :rejected, keys_once = :keys_once, "
                "status = :status, blocked_reason = :blocked, released_by = :author, release_reason = :why "
                "WHERE window_id = :window AND status <> 'published'"
            ),
            values,
        )
    if values["status"] == "blocked":
        raise WindowBlocked(use_case.name, window.window_id, [reason], releasable=True)
