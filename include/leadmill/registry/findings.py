"""What a training finds of the chosen candidate beside its metrics: how it decides, and what it is worth beside others.

Kept with the version in ``ops.models`` and with the MLflow run.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from leadmill.registry import documents, ledger, store
from leadmill.registry.dataset import TrainingSet
from leadmill.registry.naive_said import naive_said
from leadmill.registry.parameters import Tuned
from leadmill.spec import UseCase
from leadmill.training.alerts import Alerts, alerts_within, days_held
from leadmill.training.banded import Model
from leadmill.training.cost_curve import CostPoint, cost_curve
from leadmill.training.data import Rows, rows_of
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import Array
from leadmill.training.naive import naive_figures
from leadmill.training.predict import probabilities
from leadmill.training.repeated import REPEATS, Repeated, repeated_figures
from leadmill.training.results import FOLDS
from leadmill.training.threshold import Outcomes, cheapest, out_of_fold, outcomes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """How a version decides: positive from ``threshold`` on.

    ``even`` is the probability at which both decisions would cost the same if probabilities were exact. ``training``
    are the outcomes on the rows that the threshold was chosen on, which ``chosen_on`` names; ``holdout`` those on the
    newest rows, which took no part in it (None where it was chosen on them). ``alerts`` is what the budget of alerts a
    day comes to on the newest rows, where there is one; it may have raised the threshold. ``curve`` is what other
    thresholds would cost on the newest rows.
    """

    threshold: float
    positive: str
    negative: str
    costs: dict[str, float]
    even: float
    chosen_on: str
    training: Outcomes
    holdout: Outcomes | None
    alerts: Alerts | None = None
    curve: tuple[CostPoint, ...] = ()

    def sentence(self) -> str:
        """What it means, for the log."""
        judged = self.holdout or self.training
        return (
            f"'{self.positive}' from {self.threshold:.4f} on (by exact probabilities {self.even:.4f}), chosen on "
            f"{self.chosen_on}; a case of the newest rows costs {judged.cost:.3f}, all '{self.positive}' "
            f"{judged.all_positive:.3f}, all '{self.negative}' {judged.all_negative:.3f}"
            + (f"; {self.alerts.sentence()}" if self.alerts else "")
        )


def add_findings(
    use_case: UseCase, run_id: str, version: str, candidate: str, rows: TrainingSet, model: Model, tuned: Tuned
) -> None:
    """Find them and keep them; doing it again leaves the same. Nothing where the spec asks for none of them."""
    compared = use_case.model.declared or use_case.model.baselines
    everyone = rows_of(use_case, rows.frame, rows.inputs) if compared else rows.train
    repeated = repeated_figures(use_case, candidate, everyone) if compared else []
    decision = chosen_out_of_fold(use_case, candidate, rows, model, tuned)
    naive = naive_figures(use_case, rows.frame.iloc[rows.split.holdout], rows.train.edges) if rows.train.edges else {}
    if not repeated and not naive and decision is None:
        return
    for sentence in (*map(said_of, repeated), *((decision.sentence(),) if decision else ())):
        log.info("%s", sentence)
    documents.write(run_id, documents.REPEATED, repeated)
    of_naive = {f"{name}/holdout_{figure}": value for name, one in naive.items() for figure, value in one.items()}
    store.log_metrics(run_id, _metrics(repeated, decision) | of_naive)
    more = ({"repeated": [asdict(one) for one in repeated]} if repeated else {}) | ({"naive": naive} if naive else {})
    ledger.add_findings(use_case.name, version, decision and asdict(decision), more)


def told(model: ledger.ModelRow) -> tuple[str, ...]:
    """A sentence for each finding that is kept with a version."""
    repeated = TypeAdapter(list[Repeated]).validate_python(model.metrics.get("repeated", []))
    decision = TypeAdapter(Kept).validate_python(model.decision) if model.decision else None
    return (*map(said_of, repeated), *((decision.sentence(),) if decision else ()), *naive_said(model))


def chosen_out_of_fold(use_case: UseCase, candidate: str, rows: TrainingSet, model: Model, tuned: Tuned) -> Kept | None:
    """The cheapest threshold by what models of this candidate say of training rows that they have not learned from."""
    if use_case.decision is None:
        return None
    asked = out_of_fold(use_case, candidate, rows.train, tuned.params)
    costs = use_case.decision.costs
    newest = rows.holdout.restricted(model_inputs(use_case, candidate=candidate))
    answers = probabilities(model, newest.x)
    alerts = _alerts(use_case, newest, answers, days_held(rows.frame, rows.split))
    threshold = _within(cheapest(rows.train.y, asked, rows.train.weight, costs), alerts)
    held = outcomes(newest, answers, threshold, costs)
    taught = outcomes(rows.train, asked, threshold, costs)
    curve = cost_curve(newest, answers, costs)
    return _kept(use_case, threshold, f"{len(asked):,} training rows, out of fold", taught, held, alerts, curve)


def chosen_on_holdout(use_case: UseCase, model: Model, holdout: Rows, days: float) -> Kept | None:
    """The same of a model from elsewhere, on the newest rows: nobody knows what it has learned from.

    ``holdout`` has the model's own inputs and is of so many ``days``.
    """
    if use_case.decision is None:
        return None
    asked, costs = probabilities(model, holdout.x), use_case.decision.costs
    alerts = _alerts(use_case, holdout, asked, days)
    threshold = _within(cheapest(holdout.y, asked, holdout.weight, costs), alerts)
    found = outcomes(holdout, asked, threshold, costs)
    curve = cost_curve(holdout, asked, costs)
    return _kept(use_case, threshold, f"the newest {len(asked):,} rows", found, None, alerts, curve)


def _alerts(use_case: UseCase, newest: Rows, probability: Array, days: float) -> Alerts | None:
    per_day = use_case.decision.alerts_per_day if use_case.decision else None
    return alerts_within(newest, probability, days, per_day) if per_day and days else None


def _within(threshold: float, alerts: Alerts | None) -> float:
    return max(threshold, alerts.threshold) if alerts else threshold


def said_of(one: Repeated) -> str:
    """One line of the comparison, published figures beside ours."""
    published = [
        f"{word} {figure:.3%}"
        for word, figure in (("training", one.published_training_accuracy), ("cross-validated", one.published_accuracy))
        if figure is not None
    ]
    return (
        f"{one.name} ({one.kind}): accuracy {one.accuracy.value:.3%} ({one.accuracy.low:.3%} to "
        f"{one.accuracy.high:.3%}) by {REPEATS} x {FOLDS} folds, {one.training_accuracy:.3%} on the rows it learned; "
        f"ROC AUC {one.roc_auc.value:.3f} ({one.roc_auc.low:.3f} to {one.roc_auc.high:.3f})"
        + (f"; published: {', '.join(published)}" if published else "")
    )


def _kept(
    use_case: UseCase,
    threshold: float,
    chosen_on: str,
    training: Outcomes,
    holdout: Outcomes | None,
    alerts: Alerts | None,
    curve: tuple[CostPoint, ...],
) -> Kept:
    assert use_case.decision is not None
    asked = use_case.decision
    costs = asked.costs.model_dump()
    even = asked.costs.even
    return Kept(threshold, asked.positive, asked.negative, costs, even, chosen_on, training, holdout, alerts, curve)


def _metrics(repeated: Sequence[Repeated], decision: Kept | None) -> dict[str, float]:
    found = {}
    for one in repeated:
        # MLflow takes no blanks around the slash that it makes sections of.
        name = one.name.replace(" ", "_")
        found[f"{name}/training_accuracy"] = one.training_accuracy
        for figure, estimate in (("accuracy", one.accuracy), ("roc_auc", one.roc_auc)):
            found[f"{name}/repeated_{figure}"] = estimate.value
            found[f"{name}/repeated_{figure}_low"] = estimate.low
            found[f"{name}/repeated_{figure}_high"] = estimate.high
    if decision:
        found["decision/threshold"] = decision.threshold
        if decision.alerts:
            found |= {f"decision/alerts_{name}": value for name, value in asdict(decision.alerts).items()}
        for part, judged in (("training", decision.training), ("holdout", decision.holdout)):
            if judged:
                for name in ("cost", "precision", "recall", "f1", "mcc"):
                    found[f"decision/{part}_{name}"] = getattr(judged, name)
    return found
