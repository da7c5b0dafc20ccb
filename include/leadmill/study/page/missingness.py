"""What is missing."""

import numpy as np
from matplotlib.figure import Figure

from leadmill.study.data import LEAST_SHOWN, StudyData
from leadmill.study.missingness import Missingness, missingness
from leadmill.study.page.drawing import INK, MUTED, ONE, ROW, TWO, drawn, heat_map, intervals, named_rows, percent_axis
from leadmill.study.page.parts import Chart, Section
from leadmill.study.page.text import counted, joined, of_rate, percent, short

ALWAYS = 0.95


def section(data: StudyData) -> Section:
    """Shares, what a gap tells of the outcome, and what is missing together."""
    found = missingness(data.every)
    if not found.columns:
        return Section("missing", "Missing values", ("No feature lacks a value in any labelled row.",), ())
    blocks = [_shares(found)]
    if len(found.columns) > 1:
        names = [one.column.title for one in found.columns]
        blocks.append(
            Chart(
                heat_map("together", names, found.together),
                "Correlation (phi) of two features being missing, all labelled rows: 1 always together, 0 independent, "
                "below 0 rather not together.",
            )
        )
        blocks.append(_patterns(found))
    return Section(
        "missing",
        "Missing values",
        _findings(found, len(data.every.columns)),
        tuple(blocks),
        "A value counts as missing when it was filled, or reads 'unknown'. A gap that tells of the outcome is worth "
        "its flag; it also means that filling as if it were missing by chance is wrong.",
    )


def _findings(found: Missingness, features: int) -> tuple[str, ...]:
    most = found.columns[0]
    sentences = [
        f"{len(found.columns)} of {counted(features, 'feature')} lack values, most of all {most.column.title} "
        f"({percent(most.share)}); {percent(found.complete)} of the rows are complete."
    ]
    telling = sorted((one for one in found.columns if one.informative), key=lambda one: -abs(one.gap.value))
    if telling:
        said = [f"{one.column.title} ({one.gap.value * 100:+.0f} points)" for one in telling]
        sentences.append(
            f"A missing value tells of the outcome in {len(telling)} of them: {joined(said)}. The points are the share "
            "of positives without a value minus that with one."
        )
    else:
        sentences.append("In none of them does a missing value measurably tell of the outcome.")
    together = _cliques(found)
    if together:
        sentences.append(f"Missing together: {'; '.join(joined(names, 6) for names in together)}.")
    return tuple(sentences)


def _cliques(found: Missingness) -> list[list[str]]:
    """Groups of features that are (nearly) always missing together."""
    left, groups = list(range(len(found.columns))), []
    while left:
        group = [at for at in left if found.together[left[0], at] >= ALWAYS]
        left = [at for at in left[1:] if at not in group]
        if len(group) > 1:
            groups.append([found.columns[at].column.title for at in group])
    return groups


def _shares(found: Missingness) -> Chart:
    at = range(len(found.columns))

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.1))
        left.barh(at, [one.share for one in found.columns], color=ONE, height=0.62)
        for y, one in enumerate(found.columns):
            left.annotate(percent(one.share), (one.share, y), (3, 0), textcoords="offset points", va="center")
        left.set_xlim(0, min(1.2, found.columns[0].share * 1.25))
        named_rows(left, [one.column.title for one in found.columns])
        left.set_title("Share of rows without a value")
        for y, one in ((y, one) for y, one in enumerate(found.columns) if one.told):
            gap = (one.gap.value, one.gap.low, one.gap.high)
            intervals(right, [y], [gap], TWO if one.informative else MUTED, one.informative)
        right.axvline(0, color=INK, linewidth=0.8)
        right.set_title("Share of positives: without minus with a value")
        right.grid(axis="x")
        right.tick_params(axis="y", length=0)
        for axes in (left, right):
            percent_axis(axes)

    return Chart(
        drawn("missing", 0.75 + ROW * len(found.columns), paint),
        "All labelled rows. Right: difference in percentage points with Newcombe's interval, at 95 % for all features "
        "together (Bonferroni); filled where it leaves zero out, left out for "
        f"fewer than {LEAST_SHOWN} entities.",
    )


def _patterns(found: Missingness) -> Chart:
    columns = [one.column for one in found.columns]
    names = [f"{percent(pattern.share)} of rows, {of_rate(pattern.rate)} positive" for pattern in found.patterns]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, pattern in enumerate(found.patterns):
            lacking = [at for at, column in enumerate(columns) if column in pattern.columns]
            axes.plot(np.arange(len(columns)), [row] * len(columns), "o", color=MUTED, markersize=2, alpha=0.5)
            axes.plot(lacking, [row] * len(lacking), "o", color=ONE, markersize=6)
        named_rows(axes, names, 60)
        axes.set_xticks(range(len(columns)), [short(column.title, 26) for column in columns], rotation=90)
        axes.set_xlim(-0.6, len(columns) - 0.4)
        axes.tick_params(axis="x", length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    rest = (
        f" {counted(found.other_patterns, 'rarer combination')} hold {percent(found.other_share)} of the rows."
        if found.other_patterns
        else ""
    )
    return Chart(
        drawn("patterns", 2.1 + ROW * len(found.patterns), paint),
        f"The most frequent combinations of at least {LEAST_SHOWN} entities: full dots are missing in those rows, all "
        f"other features have a value. All labelled rows; 95 % intervals (Wilson).{rest}",
    )
