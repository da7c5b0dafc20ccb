"""A version that predicts bands beside what one would say without a model, in words."""

from typing import Any

from leadmill.registry.ledger import ModelRow

_SHOWN = {"macro_f1": "macro F1", "weighted_kappa": "quadratic weighted kappa", "wape": "WAPE"}


def naive_said(model: ModelRow) -> tuple[str, ...]:
    """A line for the version and one for each naive answer, on the same newest rows; of two classes none."""
    if not model.classes:
        return ()
    held = model.metrics["holdout"]["metrics"]
    lines = [f"{model.candidate}, on the newest rows: {_figures(held)}"]
    if "coverage" in held:
        lines[0] += f"; {held['coverage']['value']:.1%} of what came true lies in the intervals"
    for name, figures in model.metrics.get("naive", {}).items():
        lines.append(f"{name.replace('_', ' ')}: {_figures({key: {'value': value} for key, value in figures.items()})}")
    return tuple(lines)


def _figures(found: dict[str, dict[str, Any]]) -> str:
    said = [f"{title} {found[name]['value']:.3f}" for name, title in _SHOWN.items() if name in found]
    return ", ".join(said)
