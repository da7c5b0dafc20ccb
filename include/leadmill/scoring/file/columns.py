"""Which columns of a file are what the spec declares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadmill.columns import Column, slug
from leadmill.errors import FileRejected, nearest
from leadmill.prepare.typed import given
from leadmill.spec import UseCase
from leadmill.storage.csv_file import Header
from leadmill.storage.file_keys import key_maker
from leadmill.storage.recorded import CreatedBy, created_by


@dataclass(frozen=True)
class Columns:
    """Where a file has what is needed: names are its columns as ``slug`` makes them.

    ``features`` maps the declared features that the file gives to their columns; ``key`` is None where ``make_key``
    makes it of the whole row, ``created`` where the file says nothing of time.
    """

    features: dict[str, str]
    key: str | None
    make_key: Callable[[Sequence[str | None]], str] | None
    created: str | None
    rule: CreatedBy | None


def offered(use_case: UseCase) -> tuple[Column, ...]:
    """The features that a file gives; those that ``sql/features.sql`` derives of a snapshot it cannot."""
    return use_case.feature_columns if use_case.has_events else given(use_case)


def find_columns(use_case: UseCase, path: Path, header: Header, needed: frozenset[str]) -> Columns:
    """Match the header with the spec: by ``source.file.columns``, else by the names themselves.

    ``needed`` are the features that the model takes; where features derive from the columns, all are. Raises
    FileRejected for one that is missing, and where there is no key.
    """
    layout = use_case.source.file
    renamed = {slug(title): name for title, name in (layout.columns if layout else {}).items()}
    features: dict[str, str] = {}
    declared = {column.name for column in offered(use_case)}
    for title in header.columns:
        name = renamed.get(title, title)
        if name in declared:
            features[name] = title
    derives = use_case.derives and not use_case.has_events
    for column in offered(use_case):
        if column.name not in features and (derives or column.name in needed):
            raise _missing(path, column.name, header)
    keys = [use_case.entity.key, *([slug(layout.key)] if layout else [])]
    key = next((one for one in keys if one in header.columns), None)
    make_key = key_maker(layout.key_hash, header.columns) if layout and layout.key_hash and key is None else None
    if key is None and make_key is None:
        raise _missing(path, layout.key if layout else use_case.entity.key, header)
    rule = created_by(use_case)
    created = slug(rule.created.column) if rule else None
    if created is not None and created not in header.columns:
        if use_case.source.lookback:
            raise _missing(path, created, header)
        created = None
    return Columns(features, key, make_key, created, rule if created else None)


def _missing(path: Path, column: str, header: Header) -> FileRejected:
    near = nearest(column, header.columns)
    hint = f"; the file has '{header.titles[header.columns.index(near)]}' instead" if near else ""
    return FileRejected(str(path), f"column '{column}' is missing, which scoring needs{hint}", 1)
