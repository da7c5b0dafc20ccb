"""Files of a use case, written for a test."""

from collections.abc import Mapping
from pathlib import Path

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
