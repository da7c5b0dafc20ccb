"""Validate a query against Postgres with Great Expectations, pushed down, with a page of Data Docs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from leadmill import settings
from leadmill.errors import SHOWN_EXAMPLES, LeadmillError
from leadmill.quality.gx import great_expectations
from leadmill.quality.suites import Batch
from leadmill.spec import UseCase

_SHOWN_LENGTH = 80


@dataclass(frozen=True)
class Finding:
    """What one rule found; ``examples`` are at most five shortened values."""

    rule: str
    column: str | None
    success: bool
    failed: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Findings of one suite on one batch and the page that shows them, relative to the Data Docs' root."""

    findings: tuple[Finding, ...]
    document: str

    @property
    def broken(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.success)


class SuiteNotEvaluated(LeadmillError):
    """A rule could not be evaluated: neither kept nor broken."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"Great Expectations could not evaluate the rule '{rule}': {reason}")


def validate(use_case: UseCase, suite_name: str, batch_name: str, of: Batch) -> Report:
    """Validate the batch and write its page of the Data Docs, ``<use case>/<batch name>.html``.

    Great Expectations' own validation and page; a checkpoint and a site builder take many times longer, for an index
    and copies that leadmill has of its own. The query is evaluated once: into a temporary table, by a validator that
    gets the batch itself. A subselect it would ask for its columns first, whole, and a batch got before would be made
    twice.
    """
    gx = great_expectations()
    from great_expectations.validator.v1_validator import Validator

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    with _postgres(context) as source:
        asset = source.add_query_asset(batch_name, query=of.query)
        validator = Validator(asset.add_batch_definition_whole_table(batch_name), {"result_format": "COMPLETE"})
        suite = gx.ExpectationSuite(name=suite_name, expectations=of.expectations)
        result = validator.validate_expectation_suite(suite)
    for found in result.results:
        _raise_if_not_evaluated(found)
    return Report(tuple(_finding(found) for found in result.results), _page(use_case, batch_name, result))


def _page(use_case: UseCase, batch_name: str, result: Any) -> str:
    """Write the page of a result; its path relative to the Data Docs' root."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    html = _view().render(ValidationResultsPageRenderer(run_info_at_end=True).render(result))
    page = settings.current().data_docs / use_case.name / f"{batch_name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html, encoding="utf-8")
    return f"{use_case.name}/{page.name}"


@cache
def _view() -> Any:
    """One for all pages: compiling its templates takes longer than a page."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


@contextmanager
def _postgres(context: Any) -> Iterator[Any]:
    """GX's data source of our database; GX itself would keep its connections until the garbage is collected."""
    url = settings.current().database_url.replace("postgresql://", "postgresql+psycopg2://", 1)
    source = context.data_sources.add_postgres("leadmill", connection_string=url, create_temp_table=True)
    try:
        yield source
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _raise_if_not_evaluated(found: Any) -> None:
    information = found.exception_info or {}
    for part in [information, *(value for value in information.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            reason = str(part.get("exception_message")).splitlines()[0]
            raise SuiteNotEvaluated(found.expectation_config.meta["rule"], reason)


def _finding(found: Any) -> Finding:
    meta = found.expectation_config.meta
    result = found.result or {}
    rows = (result.get("details") or {}).get("unexpected_rows")
    values = [row.get("value") for row in rows] if rows else result.get("partial_unexpected_list") or []
    found_rows = result.get("unexpected_count", result.get("observed_value") if "column" in meta else None)
    failed = found_rows if isinstance(found_rows, int) else int(not found.success)
    examples = tuple(_shortened(value) for value in values[:SHOWN_EXAMPLES])
    return Finding(meta["rule"], meta.get("column"), bool(found.success), failed, examples)


def _shortened(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."
