"""Imputation methods compared by masked error."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from leadmill.study.data import StudyData
from leadmill.study.imputation import LIMIT, MASKED, METHODS, Imputation, imputation
from leadmill.study.page.drawing import INK, MUTED, ONE, ROW, TWO, intervals, named_rows, percent_axis, small_multiples
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import NOTHING, counted, joined, number, percent, short
from leadmill.training.results import Estimate

OPTIMISTIC = 1.5


def section(data: StudyData) -> Section:
    """The error of every method for every feature that lacks values."""
    tried = [imputation(column, data.train) for column in data.train.columns]
    found = [one for one in tried if one]
    if not found:
        return Section("imputation", "Imputation", ("No feature lacks values and has enough known ones to mask.",), ())
    return Section(
        "imputation",
        "Imputation",
        _findings(found),
        (_chart(found), _table(found)),
        f"{percent(MASKED, 0)} of the known values are masked at random and filled by the pipeline's own code, learned "
        "from the other rows. “In pattern” masks beside each value what is missing beside a really missing one, "
        "“alone” only the value itself. Values that are really missing may differ from known ones; no masking can "
        "show that. 'unknown' makes a level of its own and guesses nothing. Recommended is the simplest method that is "
        "not measurably worse than the best.",
    )


def _findings(found: Sequence[Imputation]) -> tuple[str, ...]:
    guessed = [one for one in found if one.chosen]
    worse = [one for one in guessed if one.chosen and one.choice.behind[one.chosen.method].low > 0]
    sentences = []
    if worse:
        said = [f"{one.column.title} ({one.chosen.method} → {one.choice.recommended})" for one in worse if one.chosen]
        sentences.append(
            f"In {len(worse)} of the {counted(len(guessed), 'feature')} that the spec fills with a guess another "
            f"method errs measurably less: {joined(said, 6)}."
        )
    elif guessed:
        sentences.append(
            f"No method errs measurably less than the spec's own in any of the {counted(len(guessed), 'feature')} that "
            "it fills with a guess."
        )
    else:
        sentences.append("The spec guesses none of the missing values.")
    learned = [one for one in found if one.choice.recommended in ("tree", "linear", "knn")]
    sentences.append(
        f"Learning from other features beats a constant in {len(learned)} of {counted(len(found), 'feature')}"
        + (f": {joined([one.column.title for one in learned], 6)}." if learned else ".")
    )
    fooled = [one for one in found if any(_optimistic(one, method) for method in METHODS)]
    if fooled:
        names = joined([one.column.title for one in fooled], 6)
        sentences.append(
            f"Masking a value alone flatters {names}: what would tell it is missing together with it, and the error in "
            f"the real pattern is more than {OPTIMISTIC:g} times as high."
        )
    return tuple(sentences)


def _optimistic(one: Imputation, method: str) -> bool:
    result = next((found for found in one.results if found.method == method), None)
    return result is not None and result.in_pattern.low > max(OPTIMISTIC * result.alone.value, result.alone.high)


def _chart(found: Sequence[Imputation]) -> Chart:
    longest = max(len(one.results) for one in found)
    return Chart(
        small_multiples("imputation", len(found), 0.62 + ROW * longest, lambda axes, at: _one(axes, found[at])),
        "Full: in the real pattern, second colour: recommended; hollow: masked alone. The spec's method has a star. "
        f"Older rows, at most {LIMIT:,}; 95 % intervals over entities.",
    )


def _one(axes: Axes, one: Imputation) -> None:
    at = range(len(one.results))
    intervals(axes, [y - 0.16 for y in at], [_ends(result.alone) for result in one.results], MUTED, filled=False)
    intervals(axes, [y + 0.16 for y in at], [_ends(result.in_pattern) for result in one.results], ONE)
    recommended = [y for y in at if one.results[y].method == one.choice.recommended]
    for y in recommended:
        intervals(axes, [y + 0.16], [_ends(one.results[y].in_pattern)], TWO)
    stars = [f"{result.method} *" if result.method == one.column.impute else result.method for result in one.results]
    named_rows(axes, stars)
    axes.set_title(short(one.column.title, 36), color=INK, fontsize=8)
    axes.set_xlabel(f"mean error, {one.column.unit or 'steps'}" if one.numeric else "wrong guesses", fontsize=7)
    axes.set_xlim(0, None)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=4)
    if not one.numeric:
        percent_axis(axes)


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _table(found: Sequence[Imputation]) -> Table:
    rows: list[tuple[str, ...]] = []
    marked = set()
    for one in found:
        unit = (one.column.unit or "steps") if one.numeric else "guesses"
        marked.add((len(rows), 5 + METHODS.index(one.choice.recommended)))
        first = (one.column.title, percent(one.share), str(one.column.impute), unit)
        pattern = {result.method: result.in_pattern for result in one.results}
        alone = {result.method: result.alone for result in one.results}
        rows.append((*first, "in pattern", *(_shown(one, pattern.get(method)) for method in METHODS)))
        rows.append(
            (f"({one.masked:,} values masked)", "", "", "", "alone", *(_shown(one, alone.get(m)) for m in METHODS))
        )
    return Table(
        ("feature", "missing", "spec", "mean error in", "masked", *METHODS),
        tuple(rows),
        "lrlll" + "r" * len(METHODS),
        f"The same figures: the mean distance from the truth, of categories the share of wrong guesses. Older rows, at "
        f"most {LIMIT:,}. Bold: recommended.",
        frozenset(marked),
    )


def _shown(one: Imputation, error: Estimate | None) -> str:
    if error is None:
        return NOTHING
    return number(error.value) if one.numeric else percent(error.value)
