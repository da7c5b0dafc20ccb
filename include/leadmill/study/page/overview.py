"""What data was read."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from leadmill.study.data import StudyData
from leadmill.study.intervals import Rate, difference, rate
from leadmill.study.page.drawing import INK, MUTED, ONE, WIDTH, drawn, percent_axis
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import INTERVAL, counted, number, of_rate, percent

SLICES = 16


def section(data: StudyData) -> Section:
    """Rows, span, point in time, split and how the share of positives moves."""
    every, train, holdout = data.every, data.train, data.holdout
    entity = data.use_case.entity.name
    found = rate(every.y, every.weight)
    older, newer = rate(train.y, train.weight), rate(holdout.y, holdout.weight)
    gap = difference(newer, older)
    moved = "differs from" if gap.low > 0 or gap.high < 0 else "does not measurably differ from"
    findings = (
        f"{counted(len(every), 'labelled row')} of {every.entities:,} entities ({entity}), from "
        f"{every.as_of.min():%Y-%m-%d} to {every.as_of.max():%Y-%m-%d}; for {of_rate(found)} "
        f"{_meant(data)}.",
        f"In the newest {percent(len(holdout) / len(every), 0)} of the rows the share, {of_rate(newer)}, {moved} that "
        f"of the older ones, {of_rate(older)}.",
    )
    return Section("data", "Data", findings, (_over_time(data), _table(data, found, older, newer)))


def _meant(data: StudyData) -> str:
    """What is true of a positive row."""
    label = data.use_case.label
    title = label.title or label.name
    if data.above is None:
        return f"the label “{title}” is true"
    unit = f" {label.unit}" if label.unit else ""
    return f"“{title}” is in the highest band, “{data.use_case.classes[-1]}”: {number(data.above)}{unit} or more"


def _over_time(data: StudyData) -> Chart:
    every = data.every
    edges = np.linspace(0, len(every), min(SLICES, max(2, len(every) // 100)) + 1).astype(int)
    order = np.argsort(every.as_of.to_numpy(), kind="stable")
    slices = [order[a:b] for a, b in pairwise(edges) if b > a]
    rates = [rate(every.y[rows], every.weight[rows]) for rows in slices]
    middles = [_days(every.as_of.iloc[rows].mean()) for rows in slices]
    begins = _days(data.holdout_begins)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = ([getattr(one, end) for one in rates] for end in ("low", "high"))
        axes.fill_between(middles, low, high, color=ONE, alpha=0.2, linewidth=0)
        axes.plot(middles, [one.value for one in rates], "o-", color=ONE, markersize=3, linewidth=1.2)
        axes.axvline(begins, color=MUTED, linewidth=1, linestyle="--")
        axes.annotate(" holdout", (begins, 1), xycoords=("data", "axes fraction"), va="top", color=INK)
        axes.xaxis_date()
        axes.set_ylim(0, None)
        axes.set_title("Share of positives over time")
        axes.grid(axis="y")
        percent_axis(axes, "y")

    return Chart(
        drawn("over-time", 2.2, paint, WIDTH),
        f"Share of positives in {len(slices)} parts of equally many rows, by the time of the row. Band: 95 % interval "
        "(Wilson). All labelled rows; the dashed line is where the holdout begins.",
    )


def _days(moment: pd.Timestamp) -> float:
    """Days since 1970, which is how a drawing counts time."""
    return moment.timestamp() / 86400


def _table(data: StudyData, found: Rate, older: Rate, newer: Rate) -> Table:
    def row(name: str, cases_rows: int, entities: int, share: Rate, span: str) -> tuple[str, ...]:
        return (name, f"{cases_rows:,}", f"{entities:,}", of_rate(share), span)

    every, train, holdout = data.every, data.train, data.holdout
    spans = [f"{one.as_of.min():%Y-%m-%d} to {one.as_of.max():%Y-%m-%d}" for one in (every, train, holdout)]
    rows = (
        row("all labelled rows", len(every), every.entities, found, spans[0]),
        row("older rows (choices are made on these)", len(train), train.entities, older, spans[1]),
        row("holdout (newest rows)", len(holdout), holdout.entities, newer, spans[2]),
    )
    purged = (
        f" {counted(data.purged, 'older row')} in neither: the entity is in the holdout too, or the label was not "
        "known when it began."
        if data.purged
        else ""
    )
    return Table(
        ("rows", "count", "entities", f"share of positives {INTERVAL}", "time"),
        rows,
        "lrrrl",
        f"Read as of {data.moment:%Y-%m-%d %H:%M} UTC by the source's clock: no later feature and no later label. "
        f"{number(len(every.columns))} features; spec version {data.use_case.version}.{purged}",
    )
