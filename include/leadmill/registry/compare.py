"""Two versions side by side, for people who choose."""

from dataclasses import dataclass
from typing import Any

from leadmill.registry import ledger
from leadmill.registry.champion import champion_version
from leadmill.registry.compared import unlearned
from leadmill.registry.contract import check_contract, inputs_from
from leadmill.registry.dataset import training_set
from leadmill.registry.ledger import ModelRow
from leadmill.spec import UseCase
from leadmill.training.bootstrap import difference
from leadmill.training.metrics import NO_ORDER, point
from leadmill.training.results import Estimate


@dataclass(frozen=True)
class Compared:
    """Metrics of two versions on the same rows, and by how much the first is better, with a paired 95 % interval.

    The rows are the holdout of the later trained one's run, less the entities from which either has learned;
    ``positives`` may be too few for any metric, then all are empty.
    """

    versions: tuple[str, str]
    candidates: tuple[str, str]
    serving: str | None
    rows: int
    positives: int
    metrics: tuple[dict[str, float], dict[str, float]]
    better_by: dict[str, Estimate]


def compare(use_case: UseCase, first: str, second: str) -> Compared:
    """Ask both versions about the same newest rows. Raises UnknownVersion and ModelContractBroken."""
    models = [ledger.known_model(use_case.name, version) for version in (first, second)]
    for model in models:
        check_contract(use_case, model.version, inputs_from(model.inputs))
    judged = unlearned(use_case, training_set(use_case, _later(models).mlflow_run_id), [first, second])
    holdout = judged.holdout
    positives = holdout.positives
    metrics: list[dict[str, float]] = [{}, {}]
    better: dict[str, Estimate] = {}
    if 0 < positives < len(holdout):
        asked = [judged.answers(use_case, one) for one in (first, second)]
        metrics = [point(one, holdout.weight) for one in asked]
        better = {
            name: difference(name, asked[0], asked[1], holdout.weight, holdout.groups)
            for name in metrics[0]
            if name not in NO_ORDER
        }
    return Compared(
        versions=(first, second),
        candidates=(models[0].candidate, models[1].candidate),
        serving=champion_version(use_case),
        rows=len(holdout),
        positives=positives,
        metrics=(metrics[0], metrics[1]),
        better_by=better,
    )


def _later(models: list[ModelRow]) -> ModelRow:
    def order(model: ModelRow) -> Any:
        return model.created_at, int(model.version)

    return max(models, key=order)
