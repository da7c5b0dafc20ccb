"""Third task: the candidates on the newest rows; the best one registered as a version."""

from dataclasses import dataclass

from leadmill.registry import documents, store
from leadmill.registry.dataset import training_set
from leadmill.registry.findings import add_findings
from leadmill.registry.fit import fitted
from leadmill.registry.parameters import Tuned, kept_with
from leadmill.registry.versions import register_version
from leadmill.spec import UseCase
from leadmill.training.cross_validation import best_candidate, leak_alarm
from leadmill.training.holdout import judge
from leadmill.training.importance import coefficients, permutation_importance
from leadmill.training.inputs import model_inputs
from leadmill.training.results import CrossValidation, Holdout


@dataclass(frozen=True)
class Evaluation:
    """The chosen candidate, its version in the registry, every rival's figures, and a leak alarm if there is one."""

    candidate: str
    version: str
    cross_validation: tuple[CrossValidation, ...]
    holdout: tuple[Holdout, ...]
    leak_alarm: str | None


@store.ends_failed
def evaluate(use_case: UseCase, run_id: str) -> Evaluation:
    """Judge what ``fit`` stored, choose by the cross-validated metric of the spec, register the choice.

    A run has one version: evaluating again finds it. Only the gate decides whether it may serve.
    """
    rows = training_set(use_case, run_id)
    crossed = documents.cross_validations(run_id)
    models = {result.candidate: fitted(run_id, result.candidate) for result in crossed}
    taken = {name: model_inputs(use_case, candidate=name) for name in models}
    held = [judge(name, model, rows.train, rows.holdout.restricted(taken[name])) for name, model in models.items()]
    best = best_candidate(use_case, crossed)
    alarm = leak_alarm(use_case, crossed)
    threshold = rows.train.base_rate
    judging, teaching = rows.holdout.restricted(taken[best]), rows.train.restricted(taken[best])
    importance = permutation_importance(models[best], taken[best], judging, use_case.model.metric, threshold)
    documents.write(run_id, documents.HOLDOUT, held)
    documents.write(run_id, documents.IMPORTANCE, importance)
    linear = {
        name: coefficients(model, taken[name], rows.train.restricted(taken[name])) for name, model in models.items()
    }
    documents.write(run_id, documents.COEFFICIENTS, next((found for found in linear.values() if found), []))
    store.log_metrics(run_id, {name: value for result in held for name, value in _metrics(result).items()})
    figures = (
        next(result for result in crossed if result.candidate == best),
        next(result for result in held if result.candidate == best),
    )
    tuned = kept_with(use_case, run_id).get(best, Tuned())
    store.set_tags(run_id, leak_alarm=alarm or "none", parameters=tuned)
    version = register_version(use_case, run_id, models[best], taken[best], teaching, figures, tuned=tuned)
    add_findings(use_case, run_id, version, best, rows, models[best], tuned)
    return Evaluation(best, version, tuple(crossed), tuple(held), alarm)


def _metrics(result: Holdout) -> dict[str, float]:
    values = {f"{result.candidate}/holdout_{name}": figure.value for name, figure in result.metrics.items()}
    for name, figure in result.metrics.items():
        values[f"{result.candidate}/holdout_{name}_low"] = figure.low
        values[f"{result.candidate}/holdout_{name}_high"] = figure.high
    return values
