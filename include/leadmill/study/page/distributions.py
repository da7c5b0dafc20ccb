"""Distributions of the numbers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leadmill.study.data import LEAST_SHOWN, StudyData
from leadmill.study.distributions import QUANTILES, Distribution, distribution
from leadmill.study.intervals import Rate
from leadmill.study.page.drawing import GRID, MUTED, ONE, THREE, TWO, drawn, intervals, named_rows, percent_axis, titled
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import NOTHING, SPACE, counted, joined, number, percent

CLOSE, ROUGH = 0.05, 0.10
_SHOWN_FITS = 2
_BARS = 40


def section(data: StudyData) -> Section:
    """One chart per int and float column, and all quantiles in one table."""
    found = [distribution(column, data.every) for column in data.every.of_types("int", "float")]
    if not found:
        return Section("numbers", "Numbers", ("No feature is a number.",), ())
    return Section(
        "numbers",
        "Numbers",
        _findings(found),
        (*(_chart(one, data.every.base_rate) for one in found if len(one.values)), _table(found)),
        "Families are fitted by maximum likelihood and ranked by AIC. KS is the greatest distance between fitted and "
        f"observed cumulative shares: up to {CLOSE:g} is close, up to {ROUGH:g} rough, beyond it no family describes "
        "the column. Where zeros are apart, they are a share of their own and the families describe the rest.",
    )


def _findings(found: Sequence[Distribution]) -> tuple[str, ...]:
    close = [f"{one.column.title} ({one.best.family})" for one in found if one.best and one.best.ks <= CLOSE]
    rough = [f"{one.column.title} ({one.best.family})" for one in found if one.best and CLOSE < one.best.ks <= ROUGH]
    none = [one.column.title for one in found if one.best and one.best.ks > ROUGH]
    parts = [f"{len(close)} closely follow a family: {joined(close)}"] if close else ["none closely follows a family"]
    parts += [f"{len(rough)} roughly: {joined(rough)}"] if rough else []
    parts += [f"no family describes {joined(none)}"] if none else []
    sentences = [f"Of {counted(len(found), 'number')} {'; '.join(parts)}."]
    heavy = [f"{one.column.title} ({percent(one.zero_share, 0)})" for one in found if one.zero_share >= ROUGH]
    if heavy:
        sentences.append(f"Many values are zero in {joined(heavy)}.")
    same = [one.column.title for one in found if one.distinct <= 1]
    if same:
        sentences.append(f"Only one value is known of {joined(same)}.")
    return tuple(sentences)


def _chart(one: Distribution, base_rate: float) -> Chart:
    bars = len(one.bins) + 1

    def paint(figure: Figure) -> None:
        titled(figure, one.column.title)
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        _histogram(left, one)
        _conversion(right, one, base_rate)

    families = ", ".join(f"{fit.family} (AIC {number(fit.aic, 6)}, KS {fit.ks:.3f})" for fit in one.fits[:3])
    zeros = f" Zeros apart: {percent(one.zero_share)}." if one.zeros_apart else ""
    return Chart(
        drawn(f"number-{one.column.name}", max(2.1, 0.95 + 0.17 * bars), paint),
        f"{one.column.title}: {counted(len(one.values), 'known value')}, all labelled rows.{zeros} "
        + (f"Best families: {families}. " if families else "")
        + "Right: share of positives by tenths of the values with 95 % intervals (Wilson); line: overall share.",
    )


def _histogram(axes: Axes, one: Distribution) -> None:
    low, high = np.quantile(one.values, (0.0, 0.995))
    whole = one.count or (one.column.type == "int" and high - low <= _BARS)
    if low == high:
        edges = np.array([low - 0.5, low + 0.5])
    elif whole:
        edges = np.arange(low - 0.5, high + 1.5, max(1, np.ceil((high - low) / _BARS)))
    else:
        edges = np.linspace(low, high, _BARS + 1)
    counts, _ = np.histogram(one.values, edges)
    axes.bar(edges[:-1], counts / len(one.values), np.diff(edges), align="edge", color=GRID, edgecolor=MUTED, lw=0.3)
    kept = 1 - one.zero_share if one.zeros_apart else 1.0
    for fit, colour in zip(one.fits[:_SHOWN_FITS], (ONE, TWO), strict=False):
        expected = kept * np.diff(fit.distribution.cdf(edges))
        axes.plot((edges[:-1] + edges[1:]) / 2, expected, color=colour, linewidth=1.4, label=fit.family)
    if one.fits:
        axes.legend(loc="upper right", fontsize=7.5)
    beyond = float((one.values > edges[-1]).mean())
    axes.set_title(f"Known values ({percent(beyond)} lie beyond the right edge)" if beyond else "Known values")
    axes.set_xlabel(one.column.unit)
    axes.set_ylim(0, counts.max() / len(one.values) * 1.12)
    percent_axis(axes, "y")


def _conversion(axes: Axes, one: Distribution, base_rate: float) -> None:
    rows: list[tuple[str, Rate]] = [(_range(part.low, part.high), part.rate) for part in one.bins]
    rows += [("(missing)", one.missing)] if one.missing.weight >= LEAST_SHOWN else []
    axes.axvline(base_rate, color=MUTED, linewidth=0.8)
    intervals(axes, range(len(rows)), [(found.value, found.low, found.high) for _, found in rows], THREE)
    named_rows(axes, [name for name, _ in rows])
    axes.set_title("Share of positives by value")
    axes.set_xlim(0, min(1.02, max([found.high for _, found in rows] + [base_rate]) * 1.1))
    axes.grid(axis="x")
    percent_axis(axes)


def _range(low: float, high: float) -> str:
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _table(found: Sequence[Distribution]) -> Table:
    heads = (
        "feature",
        "known",
        "mean",
        "sd",
        *(f"{q * 100:g}{SPACE}%" for q in QUANTILES),
        "greatest",
        "best family",
    )
    rows = tuple(
        (
            f"{one.column.title}, {one.column.unit}" if one.column.unit else one.column.title,
            f"{len(one.values):,}",
            number(one.mean),
            number(one.std),
            *(number(value) for value in one.quantiles or [float("nan")] * len(QUANTILES)),
            number(float(one.values[-1])) if len(one.values) else NOTHING,
            one.best.family if one.best else NOTHING,
        )
        for one in found
    )
    return Table(
        heads, rows, "l" + "r" * (len(QUANTILES) + 4) + "l", "Quantiles of the known values, all labelled rows."
    )
