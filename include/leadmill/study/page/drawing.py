"""Drawings as inline SVG that follow the page's colours, with selectable text and no address in them."""

import re
from collections.abc import Callable, Sequence
from io import StringIO
from itertools import combinations
from math import ceil
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from leadmill.study.data import Floats
from leadmill.study.page.text import fixed, short

WIDTH = 7.6
ROW = 0.235
PER_ROW = 3
# Stand-ins that the finished drawing swaps for the page's own colours, so that they follow light, dark and print.
INK, PAPER, MUTED, GRID = "#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04"
ONE, TWO, THREE = "#0a0b05", "#0a0b06", "#0a0b07"
_VARIABLES = {INK: "ink", PAPER: "paper", MUTED: "muted", GRID: "grid", ONE: "one", TWO: "two", THREE: "three"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "leadmill",
    "text.parse_math": False,  # names and levels are shown as they are; a dollar sign in one begins no formula
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def drawn(name: str, height: float, paint: Callable[[Figure], None], width: float = WIDTH) -> str:
    """The SVG element that ``paint`` fills, ``height`` and ``width`` in inches; ``name`` is unique on its page."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        written = StringIO()
        # Not savefig, which draws everything twice.
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(written, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inline(written.getvalue(), name)


def _inline(text: str, name: str) -> str:
    """The bare element: no prologue, no namespaces (HTML knows them), ids of its own, the page's colours."""
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    size = re.search(r'width="([\d.]+)pt"', text)
    # As wide as drawn at most: on a narrow screen it shrinks.
    style = f'style="max-width:{float(size[1]) * 4 / 3:.0f}px"' if size else ""
    return re.sub(r'(<svg[^>]*?)\sheight="[^"]*"([^>]*?)\swidth="[^"]*"', rf"\1\2 {style}", text, count=1)


def percent_axis(axes: Axes, which: str = "x") -> None:
    """Ticks in percent."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g} %"))


def intervals(
    axes: Axes, at: Sequence[float], values: Sequence[tuple[float, float, float]], colour: str, filled: bool = True
) -> None:
    """Horizontal intervals (value, low, high) with a dot at the value."""
    for y, (value, low, high) in zip(at, values, strict=True):
        axes.plot([low, high], [y, y], color=colour, linewidth=1.4, solid_capstyle="butt", clip_on=False)
        axes.plot(
            [value], [y], "o", color=colour, markersize=3.6, markerfacecolor=colour if filled else "none", clip_on=False
        )


def named_rows(axes: Axes, names: Sequence[str], width: int = 34) -> None:
    """One row for each name, the first on top."""
    axes.set_yticks(range(len(names)), [short(name, width) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def titled(figure: Figure, title: str) -> None:
    """One title over the whole drawing, at its left edge."""
    figure.suptitle(title, x=0.0, ha="left", fontsize=9.5, fontweight="bold")


def small_multiples(name: str, count: int, height: float, paint: Callable[[Axes, int], None]) -> str:
    """``count`` small drawings, PER_ROW in a row, each ``height`` inches high and filled by ``paint``."""
    rows = ceil(count / PER_ROW)

    def all_of_them(figure: Figure) -> None:
        for at, axes in enumerate(figure.subplots(rows, PER_ROW, squeeze=False).ravel()):
            if at < count:
                paint(axes, at)
            else:
                axes.set_visible(False)

    return drawn(name, rows * height, all_of_them)


def heat_map(name: str, names: Sequence[str], matrix: Floats) -> str:
    """The lower half of a square: the fuller the stronger, a second colour below zero, empty where unknown."""
    size = len(names)
    # Figures only where they can be read.
    written = size <= 16
    cell = 0.36 if written else min(0.24, (WIDTH - 2.4) / size)
    lettering = min(8.0, 60 * cell)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, column in combinations(range(size - 1, -1, -1), 2):
            value = matrix[row, column]
            if np.isnan(value):
                continue
            strength = min(abs(float(value)), 1.0)
            axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, color=_shade(value, strength), lw=0))
            if written:
                colour = PAPER if strength > 0.6 else INK
                axes.text(column, row, fixed(value, 2), ha="center", va="center", fontsize=6.5, color=colour)
        axes.set_yticks(range(1, size), [short(one) for one in names[1:]], fontsize=lettering)
        axes.set_xticks(range(size - 1), [short(one, 26) for one in names[:-1]], rotation=90, fontsize=lettering)
        axes.set_xlim(-0.6, size - 1.4)
        axes.set_ylim(size - 0.4, 0.4)
        axes.tick_params(length=0)
        axes.set_aspect("equal")
        lowest = -1 if (np.tril(np.nan_to_num(matrix), -1) < 0).any() else 0
        shades = [step / 4 for step in range(lowest * 4, 5) if step]
        axes.legend(
            [Rectangle((0, 0), 1, 1, color=_shade(shade, abs(shade)), lw=0) for shade in shades],
            [f"{shade:g}" for shade in shades],
            loc="upper right",
            ncols=max(1, -lowest * 2),
        )
        for spine in axes.spines.values():
            spine.set_visible(False)

    side = size * cell + 2.0
    return drawn(name, side, paint, min(WIDTH, side + 0.3))


def _shade(value: float, strength: float) -> tuple[str, float]:
    return (TWO if value < 0 else ONE, strength)
