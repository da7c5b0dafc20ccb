"""From which share on a level deserves a column of its own."""

from matplotlib.figure import Figure

from leadmill.study.data import SAMPLE_ROWS, StudyData
from leadmill.study.page.drawing import MUTED, ONE, TWO, drawn
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import of_estimate, of_folds, percent
from leadmill.study.rare_categories import THRESHOLDS, RareCategories, named, rare_categories
from leadmill.training.preprocess import RARE_SHARE


def section(data: StudyData) -> Section:
    """The figure of a simple model against the threshold."""
    found = rare_categories(data.use_case, data.train.drawn(SAMPLE_ROWS))
    if found is None:
        return Section("rare", "Rare categories", ("No input of the models is a category.",), ())
    return Section(
        "rare",
        "Rare categories",
        _findings(found),
        (_chart(found), _table(found, data.use_case.model.metric), _levels(found)),
        "Levels under the threshold share one column of the model. Recommended is the coarsest threshold that is not "
        "measurably worse than the best.",
    )


def _findings(found: RareCategories) -> tuple[str, ...]:
    by_name = {named(one.share): one for one in found.results}
    chosen, finest, serving = by_name[found.choice.recommended], by_name[named(0.0)], by_name[named(RARE_SHARE)]
    threshold = _threshold(found.choice.recommended)
    said = f"Recommended: {threshold}, with {chosen.encoded} columns instead of {finest.encoded}."
    behind = found.choice.behind[named(RARE_SHARE)]
    if chosen is serving:
        second = f"The models group below {percent(RARE_SHARE, 0)} today: the same."
    elif behind.low <= 0:
        second = f"The models group below {percent(RARE_SHARE, 0)} today, which is not measurably worse than the best."
    else:
        second = (
            f"The models group below {percent(RARE_SHARE, 0)} today, which is measurably worse than the best "
            f"(log loss {of_estimate(behind, 4)} higher)."
        )
    return said, second


def _threshold(name: str) -> str:
    return "every level by itself" if name == named(0.0) else f"group levels below {name} of the rows"


def _chart(found: RareCategories) -> Chart:
    at = range(len(found.results))
    names = [named(one.share) for one in found.results]

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        behind = [found.choice.behind[name] for name in names]
        for x, one in zip(at, behind, strict=True):
            colour = TWO if names[x] == found.choice.recommended else ONE
            left.plot([x, x], [one.low, one.high], color=colour, linewidth=1.4)
            left.plot([x], [one.value], "o", color=colour, markersize=4)
        left.axhline(0, color=MUTED, linewidth=0.8)
        left.set_title("Log loss behind the best threshold")
        right.bar(at, [one.encoded for one in found.results], color=ONE, width=0.6)
        for x, result in zip(at, found.results, strict=True):
            right.annotate(str(result.encoded), (x, result.encoded), (0, 2), textcoords="offset points", ha="center")
        right.set_title("Columns of the model")
        for axes in (left, right):
            axes.set_xticks(at, names)
            axes.set_xlabel("levels below this share of rows are grouped")
        left.grid(axis="y")

    return Chart(
        drawn("rare-categories", 2.4, paint),
        "Logistic regression on all inputs, older rows (no holdout), five folds grouped by entity; paired 95 % "
        "intervals over entities. Second colour: recommended.",
    )


def _table(found: RareCategories, metric: str) -> Table:
    marked = next(at for at, one in enumerate(found.results) if named(one.share) == found.choice.recommended)
    rows = tuple(
        (named(one.share), str(one.encoded), of_folds(one.log_loss, 4), of_folds(one.metric, 4))
        for one in found.results
    )
    return Table(
        ("threshold", "columns", "log loss", metric),
        rows,
        "rrrr",
        "Mean ± standard deviation over the folds. Bold: recommended.",
        frozenset({(marked, at) for at in range(4)}),
    )


def _levels(found: RareCategories) -> Table:
    shares = [share for share in THRESHOLDS if share]
    rows = tuple(
        (
            one.column.title,
            str(one.levels),
            *(f"{one.grouped[share]} ({percent(one.rows[share])})" for share in shares),
        )
        for one in found.columns
    )
    return Table(
        ("feature", "levels", *(f"below {named(share)}" for share in shares)),
        rows,
        "lr" + "r" * len(shares),
        "How many levels each threshold groups, and the share of the rows that they hold. Older rows.",
    )
