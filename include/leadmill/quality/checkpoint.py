"""Run a suite of Great Expectations on a query against Postgres, pushed down, with Data Docs as HTML."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadmill import settings
from leadmill.errors import SHOWN_EXAMPLES, LeadmillError
from leadmill.quality.gx import great_expectations
from leadmill.spec import UseCase

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

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


@dataclass(frozen=True)
class Batch:
    """A query against Postgres and what is expected of it; each expectation's ``meta`` has its rule and column."""

    query: str
    expectations: "list[Expectation]"


def run_suite(
    use_case: UseCase, suite_name: str, batch_name: str, judged: Batch, details: Callable[[list[str]], Batch]
) -> Report:
    """Validate ``judged``, then ``details`` of the rules that it found broken, and write their pages.

    The report's page is that of the details, where there are any.
    """
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    root = settings.current().data_docs / use_case.name
    root.mkdir(parents=True, exist_ok=True)
    # A context removes the pages of its site that it did not make: it gets a folder of its own, merged below.
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".making-") as site, _postgres(context) as source:
        context.add_data_docs_site("local", _site(site))
        findings = _checkpoint(gx, context, source, suite_name, batch_name, judged)
        shown = batch_name
        closer = details([finding.rule for finding in findings if not finding.success])
        if closer.expectations:
            shown = f"{batch_name}-broken"
            for finding in _checkpoint(gx, context, source, f"{suite_name}-broken", shown, closer):
                findings[[one.rule for one in findings].index(finding.rule)] = finding
        context.build_data_docs(site_names=["local"])
        shutil.copytree(site, root, dirs_exist_ok=True)
    return Report(tuple(findings), _document(root, shown))


@contextmanager
def _postgres(context: Any) -> Iterator[Any]:
    """GX's data source of our database; GX itself would keep its connections until the garbage is collected."""
    url = settings.current().database_url.replace("postgresql://", "postgresql+psycopg2://", 1)
    source = context.data_sources.add_postgres("leadmill", connection_string=url)
    try:
        yield source
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _checkpoint(gx: Any, context: Any, source: Any, suite_name: str, batch_name: str, of: Batch) -> list[Finding]:
    asset = source.add_query_asset(batch_name, query=of.query)
    batch = asset.add_batch_definition_whole_table(batch_name)
    suite = context.suites.add(gx.ExpectationSuite(name=suite_name, expectations=of.expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=batch_name, data=batch, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name=batch_name, validation_definitions=[definition], result_format={"result_format": "COMPLETE"})
    )
    result = checkpoint.run(run_id=gx.RunIdentifier(run_name=batch_name))
    outcome = next(iter(result.run_results.values()))
    for found in outcome.results:
        _raise_if_not_evaluated(found)
    return [_finding(found) for found in outcome.results]


def _site(folder: str) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": folder},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "show_how_to_buttons": False,
    }


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


def _document(root: Path, batch_name: str) -> str:
    pages = sorted((root / "validations").rglob(f"*/{batch_name}/**/*.html"), key=lambda page: page.stat().st_mtime)
    return str(pages[-1].relative_to(root.parent)) if pages else f"{root.name}/index.html"
