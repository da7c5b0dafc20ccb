"""The doctor's check of the use cases: every specification, its queries, and its two entry files."""

from collections.abc import Iterator

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.local.doctor import Check, Finding
from leadmill.spec import load_use_case, use_case_names


def use_cases_valid() -> Iterator[Finding]:
    """What only the source or the database can see of a query is told by the first run of the ETL."""
    valid = []
    for name in use_case_names():
        try:
            load_use_case(name)
        except LeadmillError as error:
            yield Finding(
                "Use case", "wrong", str(error), "Mend that file: docs/adding_a_use_case.md says what it takes."
            )
            continue
        valid.append(name)
        yield from _entry_files(name)
    if valid:
        yield Finding("Use cases", "ok", f"{', '.join(valid)}: valid")


def _entry_files(name: str) -> Iterator[Finding]:
    known = settings.current()
    meant = {known.home / "dags": "Airflow", known.feature_repo: "Feast"}
    for folder, reader in meant.items():
        file = folder / f"{name}.py"
        if not file.is_file():
            remedy = "Write it: docs/adding_a_use_case.md, step 6."
            yield Finding("Use case", "note", f"{name} has no {file}, so {reader} does not know it", remedy)


USE_CASE_CHECKS: tuple[Check, ...] = (use_cases_valid,)
