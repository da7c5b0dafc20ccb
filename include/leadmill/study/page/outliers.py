"""Values far out."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from leadmill.columns import Column
from leadmill.study.data import StudyData
from leadmill.study.outliers import FENCE, ROBUST_Z, Outliers, outliers
from leadmill.study.page.drawing import ONE, ROW, TWO, drawn, named_rows, percent_axis
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import NOTHING, counted, joined, number, percent

MANY = 0.02
SKEWED = 2.0


def section(data: StudyData) -> Section:
    """Shares beyond the fences, and what the spec does."""
    tried = [outliers(column, data) for column in data.every.of_types("int", "float")]
    found = [one for one in tried if one]
    if not found:
        return Section("outliers", "Outliers", ("No feature is a number with known values.",), ())
    return Section(
        "outliers",
        "Outliers",
        _findings(found),
        (_chart(found), _measures(found), _spec(found)),
        f"Fences lie {FENCE:g} times the distance of the quartiles beyond them. Robust z: distance from the median "
        "over 1.4826 times the median distance; it cannot be told where more than half of the values are equal. A "
        "range rule (min, max) rejects the whole row before it becomes a feature; clipping pulls values in to the "
        "0.5 % and 99.5 % quantiles of the training rows, inside the model's own pipeline.",
    )


def _findings(found: Sequence[Outliers]) -> tuple[str, ...]:
    many = sorted((one for one in found if one.beyond >= MANY), key=lambda one: -one.beyond)
    said = [f"{one.column.title} ({percent(one.beyond)})" for one in many]
    sentences = [
        f"{counted(len(many), 'number')} of {len(found)} with {percent(MANY, 0)} or more of the values beyond the "
        f"fences: {joined(said)}."
        if many
        else f"No number has {percent(MANY, 0)} or more of its values beyond the fences."
    ]
    clipped = [one for one in found if one.clips]
    if clipped:
        most = max(clipped, key=lambda one: one.clip.skew_before - one.clip.skew_after)
        sentences.append(
            f"The spec clips {joined([one.column.title for one in clipped])}; it changes at most "
            f"{percent(max(one.clip.share for one in clipped))} of the values and matters most for "
            f"{most.column.title}, whose skewness goes from {number(most.clip.skew_before)} to "
            f"{number(most.clip.skew_after)}."
        )
    kept = [one.column.title for one in found if not one.clips and abs(one.clip.skew_before) >= SKEWED]
    if kept:
        sentences.append(f"Not clipped and strongly skewed: {joined(kept)}.")
    refused = sum(one.refused for one in found)
    sentences.append(
        f"Range rules rejected {counted(refused, 'row')} of the source." if refused else "Range rules rejected no row."
    )
    return tuple(sentences)


def _chart(found: Sequence[Outliers]) -> Chart:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for y, one in enumerate(found):
            axes.barh(y - 0.19, one.beyond, color=ONE, height=0.34, label="beyond the fences" if not y else "")
            axes.barh(y + 0.19, one.robust_z or 0, color=TWO, height=0.34, label="robust z" if not y else "")
            if one.robust_z is None:
                axes.annotate("robust z cannot be told", (0, y + 0.19), (3, 0), textcoords="offset points",
                              va="center", fontsize=6.5)  # fmt: skip
        named_rows(axes, [one.column.title for one in found])
        axes.set_title("Share of the known values")
        axes.grid(axis="x")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        axes.set_xlim(0, max(0.01, *(max(one.beyond, one.robust_z or 0) for one in found)) * 1.1)
        percent_axis(axes)

    return Chart(
        drawn("outliers", 0.8 + 1.3 * ROW * len(found), paint),
        f"Known values of all labelled rows beyond {FENCE:g} quartile distances, and with a robust z above "
        f"{ROBUST_Z:g}.",
    )


def _measures(found: Sequence[Outliers]) -> Table:
    rows = tuple(
        (
            one.column.title,
            one.column.unit,
            f"{number(one.low_fence)} to {number(one.high_fence)}",
            percent(one.beyond),
            percent(one.far_beyond),
            percent(one.robust_z) if one.robust_z is not None else NOTHING,
            number(one.largest_z) if one.largest_z is not None else NOTHING,
        )
        for one in found
    )
    heads = ("feature", "unit", "fences", "beyond them", "beyond twice as far", f"robust z > {ROBUST_Z:g}", "largest z")
    return Table(heads, rows, "llrrrrr", "Known values of all labelled rows.")


def _spec(found: Sequence[Outliers]) -> Table:
    rows = tuple(
        (
            one.column.title,
            _rule(one.column),
            f"{one.refused:,}",
            "clips" if one.clips else "keeps",
            f"{number(one.clip.low)} to {number(one.clip.high)}",
            percent(one.clip.share),
            f"{number(one.clip.skew_before)} → {number(one.clip.skew_after)}",
        )
        for one in found
    )
    return Table(
        ("feature", "range rule", "rows rejected", "spec", "clipping to", "changes", "skewness"),
        rows,
        "lrrlrrr",
        "What the spec does. Bounds of the clipping from the older rows, shares and skewness of all labelled rows; "
        "where the spec keeps values, the last three columns say what clipping would do.",
    )


def _rule(column: Column) -> str:
    if column.min is None and column.max is None:
        return "none"
    if column.max is None:
        return f"from {number(column.min or 0.0)}"
    return f"up to {number(column.max)}" if column.min is None else f"{number(column.min)} to {number(column.max)}"
