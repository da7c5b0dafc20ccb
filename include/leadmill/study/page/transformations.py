"""Candidate transformations of the numbers."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from leadmill.study.data import StudyData
from leadmill.study.page.drawing import INK, MUTED, ONE, ROW, TWO, intervals, named_rows, small_multiples
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import NOTHING, counted, fixed, joined, of_folds, short
from leadmill.study.transformations import LIMIT, TRANSFORMS, Transformations, transformations

_JUDGED = f"older rows (no holdout), at most {LIMIT:,}, five folds grouped by entity"


def section(data: StudyData) -> Section:
    """Skewness and univariate figures of each transformation."""
    tried = [transformations(column, data.train) for column in data.train.of_types("int", "float")]
    found = [one for one in tried if one]
    if not found:
        return Section("transformations", "Transformations", ("No number has enough known values to compare.",), ())
    return Section(
        "transformations",
        "Transformations",
        _findings(found),
        (_chart(found), _losses(found), _skewness(found)),
        "Each number alone in a logistic regression, rows without a value left out, after the spec's clipping. Root "
        "and logarithm keep the sign. A transformation that keeps the order leaves the AUC nearly as it is, so the log "
        "loss decides: recommended is the simplest that is not measurably worse than the best. Trees split alike "
        "whatever the shape.",
    )


def _findings(found: Sequence[Transformations]) -> tuple[str, ...]:
    changed = [one for one in found if one.choice.recommended != "none"]
    if not changed:
        return (f"None of {counted(len(found), 'number')} gains measurably from a transformation.",)
    said = [f"{one.column.title} ({one.choice.recommended}, {_gain(one)})" for one in changed]
    sentences = [
        f"{len(changed)} of {counted(len(found), 'number')} would serve a linear model better in another shape: "
        f"{joined(said, 6)}; the figures are the fall of the log loss."
    ]
    bent = [one for one in changed if one.choice.recommended == "quantile bins"]
    if bent:
        names = joined([one.column.title for one in bent], 6)
        sentences.append(f"Bins win where the outcome does not rise or fall steadily with the value: {names}.")
    return tuple(sentences)


def _gain(one: Transformations) -> str:
    loss = {result.name: result.log_loss.mean for result in one.results}
    return f"{loss['none'] - loss[one.choice.recommended]:.3f}"


def _chart(found: Sequence[Transformations]) -> Chart:
    def paint(axes: Axes, at: int) -> None:
        one = found[at]
        for y, (name, behind) in enumerate(one.choice.behind.items()):
            colour = TWO if name == one.choice.recommended else ONE
            intervals(axes, [y], [(behind.value, behind.low, behind.high)], colour)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        named_rows(axes, list(one.choice.behind))
        axes.set_title(short(one.column.title, 36), color=INK, fontsize=8)
        axes.set_xlabel("log loss behind the best", fontsize=7)
        axes.locator_params(axis="x", nbins=3)
        axes.grid(axis="x")

    return Chart(
        small_multiples("transformations", len(found), 0.62 + ROW * len(TRANSFORMS), paint),
        f"Mean log loss above that of the best transformation, {_JUDGED}; paired 95 % intervals over entities. Second "
        "colour: recommended.",
    )


def _losses(found: Sequence[Transformations]) -> Table:
    rows = []
    marked = set()
    for at, one in enumerate(found):
        loss = {result.name: result for result in one.results}
        marked.add((at, 1 + list(TRANSFORMS).index(one.choice.recommended)))
        rows.append(
            (
                f"{one.column.title} ({one.rows:,} rows)",
                *(of_folds(loss[name].log_loss, 4) for name in TRANSFORMS),
                f"{loss['none'].roc_auc.mean:.3f}",
                f"{loss['quantile bins'].roc_auc.mean:.3f}",
            )
        )
    return Table(
        ("feature", *TRANSFORMS, "AUC, none", "AUC, bins"),
        tuple(rows),
        "l" + "r" * (len(TRANSFORMS) + 2),
        f"Log loss and ROC AUC, {_JUDGED}: mean (± standard deviation) of the folds. Bold: recommended.",
        frozenset(marked),
    )


def _skewness(found: Sequence[Transformations]) -> Table:
    rows = tuple(
        (
            one.column.title,
            *(NOTHING if result.skewness is None else fixed(result.skewness, 2) for result in one.results[:-1]),
        )
        for one in found
    )
    return Table(
        ("feature", *list(TRANSFORMS)[:-1]),
        rows,
        "l" + "r" * (len(TRANSFORMS) - 1),
        "Skewness of the transformed values, older rows; 0 is symmetric.",
    )
