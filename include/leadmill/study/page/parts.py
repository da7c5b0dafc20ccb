"""What a page is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """A drawing and what it shows: data, split and interval."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Table:
    """Cells of text. ``align`` holds one letter for each column, l or r; ``marked`` are (row, column) to stress."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str
    marked: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Section:
    """``findings`` are sentences computed from the figures, the weightiest first; ``reading`` says how to read them."""

    anchor: str
    title: str
    findings: tuple[str, ...]
    blocks: tuple[Chart | Table, ...]
    reading: str = ""
