"""The SQL files of a use case: which it has, and which values they bind."""

import re
from collections.abc import Iterator
from pathlib import Path

from leadmill.mentioned import Stray

QUERIES = ("extract", "features", "labels")
# Nothing is bound where features are derived.
_BOUND = {"extract": ("since", "until"), "labels": ()}
# What SQLAlchemy takes for a bound value; whole-line comments are left out before.
_COMMENT, _BIND = re.compile(r"(?m)^\s*--.*$"), re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_MEANT = {
    "extract": "the rows of a window, docs/adding_a_use_case.md, step 3",
    "features": "the features at a moment, docs/adding_a_use_case.md, step 4",
    "labels": "the outcomes, docs/adding_a_use_case.md, step 5",
}


def without_comments(query: str) -> str:
    """The query without its whole-line comments: two dashes inside a literal are none."""
    return _COMMENT.sub("", query)


def stray_queries(folder: Path, has_events: bool) -> Iterator[Stray]:
    """Queries of ``folder`` with a name that nothing reads, those that are needed and absent, and stray bound values.

    Only a snapshot does without ``features.sql``: a misspelt one would leave its columns underived, and nobody would
    notice.
    """
    for file in sorted(folder.glob("*.sql")):
        if file.stem not in QUERIES:
            yield Stray(f"sql/{file.name}", file.stem, f"one of {', '.join(QUERIES)}", QUERIES)
    for name in QUERIES:
        file = folder / f"{name}.sql"
        if file.is_file() and name in _BOUND:
            yield from _stray_values(name, file.read_text(encoding="utf-8"))
        elif not file.is_file() and (has_events or name != "features"):
            yield Stray(f"sql/{name}.sql", "no such file", f"a query of {_MEANT[name]}")


def _stray_values(name: str, query: str) -> Iterator[Stray]:
    bound, found = _BOUND[name], _BIND.findall(without_comments(query))
    allowed = " and ".join(f":{one}" for one in bound) or r"no bound values (a colon that is none is written \:)"
    for value in found:
        if value not in bound:
            yield Stray(f"sql/{name}.sql", f":{value}", allowed, [f":{one}" for one in bound])
    for value in bound:
        if value not in found:
            yield Stray(f"sql/{name}.sql", f"no :{value}", f"{allowed}, the bounds of the window")
