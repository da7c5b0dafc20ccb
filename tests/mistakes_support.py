"""The example of docs/adding_a_use_case.md, written to a folder with one mistake in it."""

from pathlib import Path

from added_support import blocks
from files_support import write_files

(SPEC,) = blocks("adding_a_use_case", "yaml")
EXTRACT, FEATURES, LABELS = blocks("adding_a_use_case", "sql")
FILES = {"use_case.yaml": SPEC, "sql/extract.sql": EXTRACT, "sql/features.sql": FEATURES, "sql/labels.sql": LABELS}


def write(folder: Path, file: str = "", right: str = "", wrong: str = "") -> Path:
    """Write the use case `orders` below ``folder``, with ``wrong`` in the place of ``right`` in one of its files.

    The file that is wrong. A file that is to be None is left out.
    """
    for name, text in FILES.items():
        if name == file:
            assert text.count(right) == 1, f"{name} says {right!r} {text.count(right)} times"
            text = text.replace(right, wrong)
        write_files(folder / "orders", {name: text})
    return folder / "orders" / (file or "use_case.yaml")
