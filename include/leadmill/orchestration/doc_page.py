"""The documentation page of a use case and of its DAGs, generated from the spec."""

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from leadmill import names, settings
from leadmill.columns import DERIVED_FROM, Column
from leadmill.orchestration.doc_page_extras import declared_lines, route_lines, warnings
from leadmill.spec import UseCase, load_use_case, use_case_names


def dag_doc(use_case: UseCase, factory: Callable[..., object]) -> str:
    """Markdown of one DAG: what the use case is, what the DAG does, where its results are."""
    what = inspect.getdoc(factory) or ""
    note = f"\n> {use_case.note}\n" if use_case.note else ""
    return (
        f"## {use_case.title}\n\n{use_case.description}\n{note}\n### What this DAG does\n\n{what}\n\n"
        f"### Where to look\n\n{_tables(use_case)}\n\n### Columns\n\n{_columns(use_case)}\n"
    )


def page(use_case: UseCase) -> str:
    """Markdown page of the use case, as kept in ``docs/pipelines``."""
    gate, score, tune = use_case.gate, use_case.score, use_case.tune
    bands = ", ".join(f"{band} to {share:.0%}" for band, share in score.bands.items())
    lines = [
        f"# {use_case.title} (`{use_case.name}`)",
        "",
        "Made from the spec by `./leadmill docs`; a test fails when it drifts. Do not edit.",
        "",
        use_case.description,
        *(["", f"> {use_case.note}"] if use_case.note else []),
        "",
        "## Where to look",
        "",
        _tables(use_case),
        "",
        "## Source",
        "",
        f"- {_relations(use_case)} behind the connection `{use_case.source.connection}`; watermark "
        f"`{use_case.source.watermark}`, read up to {_words(use_case.source.safety_lag)} before the source's now, with "
        f"{_words(use_case.source.overlap)} of overlap, looked at every {_words(use_case.source.poll)}.",
        f"- A window with more than {use_case.source.max_rejected_share:.0%} rejected rows"
        + (f", and more than {use_case.source.rejected_allowed}," if use_case.source.rejected_allowed else "")
        + " is blocked.",
        "",
        "## Columns",
        "",
        _columns(use_case),
        "",
        "## Rules of a row",
        "",
        *_rules(use_case),
        "",
        "## Model and scores",
        "",
        f"- Label: {use_case.label.title or use_case.label.name}, " + _matures(use_case),
        f"- Candidates, from simple to complex: {', '.join(use_case.model.competing)}; chosen is "
        f"{_CHOSEN[use_case.model.choice]} by `{use_case.model.metric}`.",
        *declared_lines(use_case),
        f"- Gate: at least {gate.min_rows:,} rows and {gate.min_positives:,} positives; at most "
        f"{gate.non_inferior_by} worse than the champion on the same newest rows; {_PROMOTES[gate.mode]}.",
        f"- Trained on Sundays, by hand, and when {use_case.retrain.new_outcomes:,} outcomes have newly matured, or "
        f"{use_case.retrain.drift_rows:,} training rows since drift began.",
        f"- Tuning, monthly: {tune.trials} trials of {', '.join(tune.candidates) or 'each candidate'}, at most "
        f"{tune.minutes:g} minutes in all.",
        *_classes(use_case),
        f"- Score 0 to {score.scale}; bands by share of the population at promotion, best first: {bands}.",
        *warnings(use_case),
        "",
        *route_lines(use_case),
    ]
    return "\n".join(lines)


def _classes(use_case: UseCase) -> Iterator[str]:
    if use_case.classes:
        unit = f" in {use_case.label.unit}" if use_case.label.unit else ""
        yield (
            f"- Classes, lowest first: {', '.join(use_case.classes)}; bands of equal shares of training rows, frozen "
            f"with the version. Score, band and reasons are those of the probability of `{use_case.classes[-1]}`. "
            f"`predicted_value` is the value{unit} inside the most probable class, `predicted_low` and "
            "`predicted_high` hold it in four cases of five."
        )
        if use_case.model.edges == "together":
            yield (
                "- One classifier of all edges between classes: of features in the label's unit it sees how they lie "
                "to an edge, so every row teaches about every edge."
            )
        last = use_case.label.last
        beaten = f", macro F1 and WAPE no worse than saying `{last}` again" if last else ""
        held = "the share of truths in their intervals not surely outside 75 to 85 %"
        yield f"- The gate asks besides: each class calibrated{beaten}, {held}."


_CHOSEN = {"one_standard_error": "the first within one standard error of the best", "best": "the best"}
_PROMOTES = {
    "auto": "what passes is promoted",
    "ask": "what passes is promoted once a person approves",
    "never": "what passes waits for a choice by hand",
}


def write_all() -> list[Path]:
    """Write the page of every use case; the files written."""
    folder = settings.current().home / "docs" / "pipelines"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in use_case_names():
        file = folder / f"{name}.md"
        file.write_text(page(load_use_case(name)), encoding="utf-8")
        written.append(file)
    return written


def _tables(use_case: UseCase) -> str:
    rows = {
        names.raw_table(use_case): "rows as the source gave them",
        names.rejected_table(use_case): "whole rows that broke a rule, with every rule",
        names.features_table(use_case): "append-only feature history",
        names.labels_table(use_case): "outcomes",
        **(
            {
                names.facts_table(use_case): "accepted facts, typed",
                names.entities_table(use_case): f"every {use_case.entity.name} that a fact names, and since when",
            }
            if use_case.has_events
            else {names.confirmed_table(use_case): "when rows came that said nothing new"}
        ),
        names.scores_table(use_case): f"the newest score per {use_case.entity.name}",
        names.history_table(use_case): "every score ever published",
        **(
            {names.alerts_view(use_case): "each day's highest scores, as many as the budget of alerts"}
            if use_case.decision and use_case.decision.alerts_per_day
            else {}
        ),
        "ops.windows": "the ledger: read = accepted + rejected + already seen",
        "ops.promotions": "every verdict on a model",
        "ops.trials": "every set of parameters that a tuning tried; `ops.params`: those in use",
    }
    body = "\n".join(f"| `{table}` | {what} |" for table, what in rows.items())
    service = names.feature_service(use_case)
    feast = f"Feast: feature service `{service}`, view `{names.feature_view(use_case)}`."
    return f"| table | holds |\n|---|---|\n{body}\n\n{feast}"


def _columns(use_case: UseCase) -> str:
    body = "\n".join(
        f"| `{column.name}` | {column.title} | {column.type} | {_allowed(column)} | {_use(column)} |"
        for column in (*use_case.facts.values(), *use_case.columns)
    )
    return f"| column | title | type | allowed | used as |\n|---|---|---|---|---|\n{body}"


def _allowed(column: Column) -> str:
    if column.levels:
        return ", ".join(column.levels)
    low, high = (f"{bound:,.10g}" if bound is not None else "" for bound in (column.min, column.max))
    unit = f" {column.unit}" if column.unit else ""
    if low and high:
        return f"{low} to {high}{unit}"
    return f"at least {low}{unit}" if low else f"at most {high}{unit}" if high else ""


def _use(column: Column) -> str:
    if column.known_at == "after_contact":
        return "never: known only after contact"
    if column.drop == DERIVED_FROM:
        return DERIVED_FROM
    if column.drop:
        return f"dropped: {column.drop}"
    clipped = ", outliers clipped" if column.outliers == "clip" else ""
    clipped += ", as its logarithm" if column.transform == "log" else ""
    kind = "derived feature" if column.derived else "feature"
    if column.impute == "none":
        return f"{kind}; never missing{clipped}"
    if column.impute == "unknown":
        return f"{kind}; missing is the level 'unknown'"
    if column.impute == "constant":
        return f"{kind}; missing is {_fill(column)}{clipped}"
    return f"{kind}; missing filled by {column.impute} (at cold start: {_fill(column)}){clipped}"


def _fill(column: Column) -> str:
    if isinstance(column.fill, bool):
        return "yes" if column.fill else "no"
    return f"{column.fill:g}" if isinstance(column.fill, float) else str(column.fill)


def _rules(use_case: UseCase) -> Iterator[str]:
    from leadmill.quality.rules import all_rules

    for rule in all_rules(use_case):
        if not rule.name.endswith("clean text"):
            yield f"- `{rule.column}`: {rule.says}"
    yield "- every column: at most 1000 characters, none of them a control character"


def _matures(use_case: UseCase) -> str:
    label = use_case.label
    if label.horizon is None:
        return "known at load."
    ages = ", ".join(_words(age) for age in use_case.as_of)
    return (
        f"within {_words(label.horizon)}, recorded at most {_words(label.lag)} late; training rows at the ages {ages}."
    )


def _relations(use_case: UseCase) -> str:
    relations = use_case.source.relations
    noun = "Relation" if len(relations) == 1 else "Relations"
    return f"{noun} {', '.join(f'`{relation}`' for relation in relations)}"


def _words(duration: timedelta) -> str:
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, rest = divmod(int(duration.total_seconds()), seconds)
        if rest == 0 and count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "no time"
