"""What the page of a use case says where its spec declares it: candidates of its own, decisions, routes, warnings."""

from collections.abc import Iterator

from leadmill import names
from leadmill.api import Alias
from leadmill.learning import Declared
from leadmill.spec import UseCase


def declared_lines(use_case: UseCase) -> Iterator[str]:
    """Items of the section about the model."""
    for name, declared in use_case.model.declared.items():
        yield f"- `{name}` is {_declared(declared)}"
    if use_case.model.baselines:
        alone = ", ".join(f"`{feature}`" for feature in use_case.model.baselines)
        yield f"- Baseline: what {alone} says alone is printed beside every model, and competes with none."
    if use_case.decision:
        made, costs = use_case.decision, use_case.decision.costs
        yield (
            f"- Decision: `{made.positive}` or `{made.negative}`, by the version's threshold that costs least where "
            f"a false positive costs {costs.false_positive:g} and a false negative {costs.false_negative:g}; it is "
            "learned on rows that the model has not learned from (`ops.models.decision`)."
        )
        if made.alerts_per_day:
            yield (
                f"- Alerts: at most {made.alerts_per_day:g} a day. The threshold is never below the one that raises so "
                "many on the newest rows; what it finds there is kept with the version "
                f"(`ops.models.decision -> 'alerts'`), each day's highest are in `{names.alerts_view(use_case)}`."
            )


def warnings(use_case: UseCase) -> list[str]:
    """What every training warns of, as a paragraph."""
    # Takes pandas, which no DAG file may.
    from leadmill.registry.dataset import lowered_minima

    lowered = lowered_minima(use_case)
    return ["", f"> Every training warns: {'; '.join(lowered)}."] if lowered else []


def route_lines(use_case: UseCase) -> list[str]:
    """The section about routes of its own; nothing where there are none."""
    if not use_case.api.aliases:
        return []
    rows = [_route(alias) for alias in use_case.api.aliases]
    heads = ["| route | does | takes | answers |", "|---|---|---|---|"]
    said = "Beside the usual ones, on the same keys, limits, validation and log (docs/serving.md)."
    return ["## Routes of its own", "", said, "", *heads, *rows, ""]


def _declared(declared: Declared) -> str:
    given = ", ".join(f"{name} {value}" for name, value in declared.parameters.items()) or "the usual parameters"
    inputs = f"on {', '.join(declared.inputs)}" if declared.inputs else "on all inputs"
    figures = {
        "of the rows it had learned": declared.published.training_accuracy,
        "cross-validated": declared.published.accuracy,
    }
    said = " and ".join(f"{figure:.3%} {word}" for word, figure in figures.items() if figure is not None)
    published = f" Accuracies that were published of it: {said}." if said else ""
    return f"a {declared.builder} with {given}, {inputs}.{published}"


def _route(alias: Alias) -> str:
    fields = ", ".join(f"`{name}`" for name in alias.fields) or (
        "features by name" if alias.does.startswith("predict") else ""
    )
    where = f"`{alias.query}` in the query: {fields}" if alias.query else fields
    answers = f"a sentence ({', '.join(alias.sentences)}), or JSON" if alias.sentences else "JSON"
    paths = " or ".join(f"`{method} {alias.path}`" for method in alias.methods)
    return f"| {paths} | {alias.does} | {where} | {answers} |"
