"""Which features go together."""

from leadmill.study.correlations import STRONG, Correlations, correlations
from leadmill.study.data import LEAST_SHOWN, SAMPLE_ROWS, StudyData
from leadmill.study.page.drawing import heat_map
from leadmill.study.page.parts import Chart, Section, Table
from leadmill.study.page.text import INTERVAL, counted, of_estimate

SHOWN_IN_FINDING = 3


def section(data: StudyData) -> Section:
    """A heat map of all pairs and the strongest ones with their intervals."""
    cases = data.every.drawn(SAMPLE_ROWS)
    found = correlations(cases)
    if len(found.columns) < 2:
        return Section("correlations", "Correlations", ("There is one feature only.",), ())
    which = "all labelled rows" if len(cases) == len(data.every) else f"{len(cases):,} labelled rows drawn at random"
    chart = Chart(
        heat_map("correlations", [column.title for column in found.columns], found.matrix),
        f"Association of every two features over the rows in which both are known, {which}. Numbers and ordered "
        "levels: Spearman (below zero in the second colour); categories: Cramér's V; a number and a category: "
        "correlation ratio of ranks. The last two have no sign. Levels of fewer than "
        f"{LEAST_SHOWN} rows are left out. Empty: cannot be told.",
    )
    return Section(
        "correlations", "Correlations", _findings(found), (chart, *([_table(found, which)] if found.strong else []))
    )


def _findings(found: Correlations) -> tuple[str, ...]:
    if not found.strong:
        return (f"No two features have an association of {STRONG:g} or more.",)
    said = [
        f"{pair.one.title} and {pair.other.title} ({pair.estimate.value:.2f})"
        for pair in found.strong[:SHOWN_IN_FINDING]
    ]
    return (
        f"{counted(found.strong_pairs, 'pair')} of features with an association of {STRONG:g} or more; the strongest: "
        f"{'; '.join(said)}.",
        "Of such a pair a model may use either, so importance is shared between them, and a coefficient of one alone "
        "says little.",
    )


def _table(found: Correlations, which: str) -> Table:
    rows = tuple(
        (pair.one.title, pair.other.title, pair.kind, of_estimate(pair.estimate, 2), f"{pair.rows:,}")
        for pair in found.strong
    )
    more = found.strong_pairs - len(found.strong)
    return Table(
        ("feature", "feature", "measure", f"association {INTERVAL}", "rows"),
        rows,
        "lllrr",
        f"Pairs of {STRONG:g} or more{f', the strongest {len(rows)} of {found.strong_pairs}' if more else ''}; "
        f"{which}, both known. Intervals: bootstrap of entities.",
    )
