"""One version of a model as ``./leadmill model show`` prints it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from leadmill.cli_data import out, table

if TYPE_CHECKING:
    from leadmill.registry.catalog import ShownModel
    from leadmill.spec import UseCase

# Of the stored curve so many points are printed.
_POINTS = 9
_REPEATED = ["by repeated folds", "accuracy [95 %]", "of learned rows", "ROC AUC [95 %]", "published", "of learned"]
_AT = "f1, precision, recall and mcc: a probability of at least the share of positives among the training rows counts."


def print_version(use_case: "UseCase", shown: "ShownModel") -> None:
    """Its training, its figures, its bands and every decision about it."""
    found = shown.model
    title = f"[bold]{escape(use_case.title)}, version {found.version}[/bold]{' (champion)' if shown.serving else ''}"
    positive = f"in class {found.classes[-1]['class']}" if found.classes else "positive"
    rows = f"{found.training_rows:,} training rows, {found.positives:,} {positive}"
    out.print(f"{title}: {found.candidate}, {rows}, MLflow run {found.mlflow_run_id}")
    out.print(f"Training set: {found.training_set or 'not known'}, spec version {found.spec_version}", markup=False)
    out.print(_training(shown), markup=False)
    out.print(f"Parameters: {_parameters(found.parameters)}", markup=False)
    out.print(table(["figure", "folds", "newest rows [95 %]"], _figure_rows(found.metrics)))
    if not found.classes:
        out.print(_AT, markup=False)
    if found.classes:
        out.print(
            "Classes: " + ", ".join(f"{one['class']} {one['from']:,.0f} to {one['to']:,.0f}" for one in found.classes)
        )
    if found.metrics.get("repeated"):
        out.print(table(_REPEATED, [_repeated_row(one) for one in found.metrics["repeated"]]))
    if found.decision:
        _print_decision(found.decision)
    if found.bands:
        out.print("Bands: " + ", ".join(f"{one['band']} from {one['from']:.4f}" for one in found.bands))
    for one in shown.decisions:
        out.print(
            f"{one.decided_at:%Y-%m-%d %H:%M} {one.verdict} by {one.actor}: {'; '.join(one.reasons)}", markup=False
        )


def folds(metrics: Mapping[str, Any], name: str) -> str:
    """A cross-validated figure with its spread; empty where there is none of that name."""
    figure = metrics["cross_validation"]["metrics"].get(name)
    return f"{figure['mean']:.3f} ± {figure['std']:.3f}" if figure else ""


def values(params: Mapping[str, Any]) -> str:
    """Parameters in one line."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in params.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items()) or "the defaults"


def _training(shown: "ShownModel") -> str:
    """When, on which data and by which code it was trained."""
    found = shown.training
    took = f" in {found['seconds']:,.0f} s" if found["seconds"] is not None else ""
    known = {"reason": "because", "code_version": "code version", "fingerprint": "data fingerprint"}
    said = [f"{word} {found[name]}" for name, word in known.items() if name in found]
    return ", ".join([f"Trained {shown.model.created_at:%Y-%m-%d %H:%M} (source's clock){took}", *said])


def _parameters(tuned: Mapping[str, Any] | None) -> str:
    """What a model was fitted with, and which study found it."""
    if not tuned:
        return "the defaults"
    return f"{values(tuned['params'])} (study {tuned['study']}, trial {tuned['trial']})"


def _figure_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    crossed, held = metrics["cross_validation"], metrics["holdout"]["metrics"]
    rows = []
    for name in held:
        newest = held[name]
        interval = f"{newest['value']:.3f} [{newest['low']:.3f}, {newest['high']:.3f}]"
        rows.append([name, folds(metrics, name), interval])
    for naive, figures in metrics.get("naive", {}).items():
        rows += [[f"{naive}: {name}", "", f"{value:.3f}"] for name, value in figures.items()]
    for variant, figures in crossed["variants"].items():
        rows += [[f"{variant}: {name}", f"{one['mean']:.3f} ± {one['std']:.3f}", ""] for name, one in figures.items()]
    return rows


def _repeated_row(one: Mapping[str, Any]) -> list[str]:
    """A declared candidate, a baseline or the chosen one, and what was published of it."""
    said = [one["published_accuracy"], one["published_training_accuracy"]]
    return [
        f"{one['name']} ({one['kind']})",
        "{value:.2%} [{low:.2%}, {high:.2%}]".format(**one["accuracy"]),
        f"{one['training_accuracy']:.2%}",
        "{value:.3f} [{low:.3f}, {high:.3f}]".format(**one["roc_auc"]),
        *("" if figure is None else f"{figure:.3%}" for figure in said),
    ]


def _print_decision(kept: Mapping[str, Any]) -> None:
    """How the version decides, what that came to, and what other thresholds would have."""
    costs = ", ".join(f"a {name.replace('_', ' ')} costs {cost:g}" for name, cost in kept["costs"].items())
    judged = kept["holdout"] or kept["training"]
    right = ", ".join(f"{name} {judged[name]:.3f}" for name in ("f1", "precision", "recall", "mcc"))
    out.print(
        f"Decision: {kept['positive']} from probability {kept['threshold']:.4f} on, chosen on {kept['chosen_on']} "
        f"({costs}; exact probabilities would say {kept['even']:.4f}). On the newest {judged['rows']:,} rows: {right}; "
        f"a case costs {judged['cost']:.4g}, all {kept['positive']} {judged['all_positive']:.4g}, all "
        f"{kept['negative']} {judged['all_negative']:.4g}" + (_budget(kept["alerts"]) if kept.get("alerts") else ""),
        markup=False,
    )
    heads = ["threshold", kept["positive"], "precision", "recall", "cost of a case"]
    out.print(table(heads, [_point(one) for one in _some(kept["curve"])]))


def _budget(alerts: Mapping[str, Any]) -> str:
    return (
        f". Budget of {alerts['per_day']:g} alerts a day: from {alerts['threshold']:.4f} on, {alerts['raised']:.1f} a "
        f"day, {alerts['precision']:.0%} of them right, finding {alerts['recall']:.0%}"
    )


def _some(curve: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Points of the curve between which recall rises by about the same, both ends with them."""
    low, high = curve[0]["recall"], curve[-1]["recall"]
    wanted = [low + (high - low) * step / (_POINTS - 1) for step in range(_POINTS)]
    nearest = {min(range(len(curve)), key=lambda at: abs(curve[at]["recall"] - recall)) for recall in wanted}
    return [curve[at] for at in sorted(nearest | {len(curve) - 1})]


def _point(one: Mapping[str, Any]) -> list[str]:
    return [f"{one['threshold']:.4f}", *(f"{one[name]:.2%}" for name in ("share", "precision", "recall")),
            f"{one['cost']:.4g}"]  # fmt: skip
