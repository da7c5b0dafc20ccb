"""Categories, ordered levels and yes-or-no columns, and how often each level converts."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from leadmill.study.categories import SHOWN_LEVELS, Categories, Level, categories
from leadmill.study.data import LEAST_SHOWN, StudyData
from leadmill.study.page.drawing import MUTED, ONE, ROW, THREE, drawn, intervals, named_rows, percent_axis, titled
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import INTERVAL, NOTHING, counted, joined, of_rate, percent

NEARLY_ALL = 0.99


def section(data: StudyData) -> Section:
    """One chart per category and ordered column; the yes-or-no columns in one table."""
    levels = [categories(column, data.every) for column in data.every.of_types("category", "ordered")]
    truths = [categories(column, data.every) for column in data.every.of_types("bool")]
    if not levels and not truths:
        return Section("categories", "Categories", ("No feature is a category.",), ())
    return Section(
        "categories",
        "Categories",
        _findings([*levels, *truths]),
        (*(_chart(one, data.every.base_rate) for one in levels), *([_truths(truths)] if truths else [])),
        f"A level is shown by itself from {LEAST_SHOWN} entities on, and of a category the {SHOWN_LEVELS} most "
        "frequent; the others stand together.",
    )


def _findings(found: Sequence[Categories]) -> tuple[str, ...]:
    pairs = [(one.column.title, *one.widest) for one in found if one.widest]
    pairs.sort(key=lambda pair: pair[1].rate.high - pair[2].rate.low)
    sentences = []
    if pairs:
        said = [f"{title} ({_said(high)}, {_said(low)})" for title, low, high in pairs[:3]]
        sentences.append(
            f"The widest gaps in the share of positives that are no chance lie between levels of {joined(said)}."
        )
    else:
        sentences.append("No two levels of a feature differ measurably in their share of positives.")
    same = [one for one in found if max((level.share for level in one.levels), default=1.0) >= NEARLY_ALL]
    if same:
        names = joined([one.column.title for one in same], 6)
        sentences.append(
            f"{counted(len(same), 'feature')} hardly {'varies' if len(same) == 1 else 'vary'}: one level holds "
            f"{percent(NEARLY_ALL, 0)} of the rows or more ({names})."
        )
    return tuple(sentences)


def _shown(level: Level) -> str:
    return level.name.replace("_", " ")


def _chart(one: Categories, base_rate: float) -> Chart:
    at = range(len(one.levels))

    def paint(figure: Figure) -> None:
        titled(figure, one.column.title)
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.1))
        left.barh(at, [level.share for level in one.levels], color=ONE, height=0.62)
        for y, level in enumerate(one.levels):
            left.annotate(percent(level.share), (level.share, y), (3, 0), textcoords="offset points", va="center")
        left.set_xlim(0, max(level.share for level in one.levels) * 1.25)
        named_rows(left, [_shown(level) for level in one.levels])
        left.set_title("Share of rows")
        rates = [(level.rate.value, level.rate.low, level.rate.high) for level in one.levels]
        right.axvline(base_rate, color=MUTED, linewidth=0.8)
        intervals(right, at, rates, THREE)
        right.set_xlim(0, min(1.02, max(high for _, _, high in rates) * 1.08))
        right.set_title("Share of positives")
        right.grid(axis="x")
        right.tick_params(axis="y", length=0)
        for axes in (left, right):
            percent_axis(axes)

    return Chart(
        drawn(f"category-{one.column.name}", 0.95 + ROW * len(one.levels), paint),
        f"{one.column.title}: {counted(one.distinct, 'level')}, all labelled rows. Share of positives with 95 % "
        f"intervals (Wilson); line: overall share.{_left_out(one)}",
    )


def _said(level: Level) -> str:
    return f"{_shown(level).strip('()')} {percent(level.rate.value, 0)}"


def _left_out(one: Categories) -> str:
    if not one.left_out:
        return ""
    return f" Not shown: {counted(one.left_out, 'level')} of fewer than {LEAST_SHOWN} entities together."


def _truths(found: Sequence[Categories]) -> Table:
    def of(one: Categories, name: str) -> Level | None:
        return next((level for level in one.levels if level.name == name), None)

    rows = []
    for one in found:
        yes, no = of(one, "yes"), of(one, "no")
        few = f"under {LEAST_SHOWN}"
        rows.append(
            (
                one.column.title,
                percent(yes.share) if yes else few if one.left_out else NOTHING,
                of_rate(yes.rate) if yes else NOTHING,
                of_rate(no.rate) if no else NOTHING,
            )
        )
    return Table(
        ("feature", "yes", f"share of positives if yes {INTERVAL}", f"if no {INTERVAL}"),
        tuple(rows),
        "lrrr",
        "Yes-or-no features, all labelled rows; intervals after Wilson.",
    )
