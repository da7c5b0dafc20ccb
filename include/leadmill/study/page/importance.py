"""What each feature is worth, by three methods side by side."""

from matplotlib.figure import Figure

from leadmill.study.data import StudyData
from leadmill.study.importance import METHODS, Importance, importance
from leadmill.study.page.drawing import GRID, INK, ONE, ROW, THREE, TWO, drawn, intervals, named_rows
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import INTERVAL, fixed, joined, of_estimate, of_folds

SHOWN = 30
DISAGREE = 8


def section(data: StudyData) -> Section:
    """Three importances, their ranks and their agreement."""
    found = importance(data.use_case, data)
    metric = data.use_case.model.metric
    judged = f"{found.judged:,} rows of the holdout ({metric} {of_estimate(found.figures[metric])})"
    return Section(
        "importance",
        "Importance",
        _findings(found),
        (_chart(found, judged), _table(found), _agreement(found)),
        "Permutation: how much the log loss on the holdout rises when the feature and its flag are shuffled; features "
        "that say the same cover for each other. Mutual information: how much of the label's entropy the feature "
        "explains by itself. Coefficients: how far the feature moves the log-odds in a logistic regression with all "
        "others.",
    )


def _findings(found: Importance) -> tuple[str, ...]:
    best = [one.column.title for one in found.worth[:3]]
    sentences = [f"Most important over all three methods: {joined(best)}."]
    pairs = {(a, b): found.agreement[a, b] for a in range(3) for b in range(a)}
    if len(found.worth) > 2:
        (a, b), least = min(pairs.items(), key=lambda item: item[1])
        sentences.append(
            f"The methods agree with rank correlations from {least:.2f} ({METHODS[b]} and {METHODS[a]}) to "
            f"{max(pairs.values()):.2f}."
        )
    split = [one for one in found.worth if max(one.ranks) - min(one.ranks) >= DISAGREE and not one.worthless]
    if split:
        said = [f"{one.column.title} (ranks {', '.join(f'{rank:g}' for rank in one.ranks)})" for one in split]
        sentences.append(f"They disagree most about {joined(said, 3)}.")
    nothing = [one.column.title for one in found.worth if one.worthless]
    if nothing:
        sentences.append(
            f"Neither shuffling nor information lifts these above chance: {joined(nothing, 10)}. A model can do "
            "without them."
        )
    return tuple(sentences)


def _chart(found: Importance, judged: str) -> Chart:
    shown = found.worth[:SHOWN]
    at = range(len(shown))

    def paint(figure: Figure) -> None:
        axes = figure.subplots(1, 3, sharey=True)
        intervals(
            axes[0], at, [(one.permutation.value, one.permutation.low, one.permutation.high) for one in shown], ONE
        )
        axes[0].axvline(0, color=INK, linewidth=0.6)
        axes[0].set_title("Permutation")
        axes[0].set_xlabel("rise of the log loss")
        axes[1].barh(at, [one.information for one in shown], color=TWO, height=0.6)
        axes[1].barh(at, [one.noise for one in shown], color=GRID, height=0.6)
        axes[1].set_title("Mutual information")
        axes[1].set_xlabel("% of the label's entropy")
        spans = [
            (
                one.coefficient.mean,
                one.coefficient.mean - one.coefficient.std,
                one.coefficient.mean + one.coefficient.std,
            )
            for one in shown
        ]
        intervals(axes[2], at, spans, THREE)
        axes[2].set_title("Standardised coefficients")
        axes[2].set_xlabel("log-odds")
        for one in axes:
            one.grid(axis="x")
            one.tick_params(axis="y", length=0)
        named_rows(axes[0], [one.column.title for one in shown])

    rest = f" The first {SHOWN} of {len(found.worth)} by mean rank." if len(found.worth) > SHOWN else ""
    return Chart(
        drawn("importance", 0.85 + ROW * len(shown), paint),
        f"Permutation: {found.candidate} learned from the older rows, judged on {judged}; 95 % interval over entities. "
        "Information: older rows; grey is what shuffled labels reach. Coefficients: logistic regression, mean ± "
        f"standard deviation over five folds of the older rows.{rest}",
    )


def _table(found: Importance) -> Table:
    rows = tuple(
        (
            one.column.title,
            of_estimate(one.permutation, 4),
            fixed(one.information, 2),
            of_folds(one.coefficient, 2),
            *(f"{rank:g}" for rank in one.ranks),
            f"{one.mean_rank:.1f}",
        )
        for one in found.worth
    )
    return Table(
        (
            "feature",
            f"permutation {INTERVAL}",
            "information, %",
            "coefficients",
            "rank by permutation",
            "by information",
            "by coefficients",
            "mean rank",
        ),
        rows,
        "lrrrrrrr",
        "The same figures and the rank by each method; equal values share their mean rank.",
    )


def _agreement(found: Importance) -> Table:
    rows = tuple((name, *(fixed(value, 2) for value in found.agreement[at])) for at, name in enumerate(METHODS))
    return Table(("", *METHODS), rows, "lrrr", "Rank correlation (Spearman) of the methods over all features.")
