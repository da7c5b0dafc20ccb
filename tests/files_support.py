"""Files of a use case, written for a test."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from leadmill.spec import UseCase, parse_use_case

# Of a use case whose queries nobody runs.
IDLE_QUERIES = {
    "sql/extract.sql": "SELECT :since, :until",
    "sql/features.sql": "SELECT 1",
    "sql/labels.sql": "SELECT 1",
}
IDLE_SNAPSHOT = {name: text for name, text in IDLE_QUERIES.items() if name != "sql/features.sql"}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write texts to files named from ``folder`` on; the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def idle_use_case(folder: Path, spec: str, queries: Mapping[str, str] = IDLE_QUERIES) -> UseCase:
    """The use case of a spec, whose files are written to a folder of its name in ``folder``."""
    files = {"use_case.yaml": spec, **queries}
    return parse_use_case(write_files(folder / yaml.safe_load(spec)["name"], files) / "use_case.yaml")
