"""What people ask about models and runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadmill.registry import ledger, store
from leadmill.registry.champion import champion_version
from leadmill.registry.ledger import Decision, ModelRow
from leadmill.registry.provenance import training_data, training_times
from leadmill.spec import UseCase


@dataclass(frozen=True)
class ListedModel:
    """One version: whether it serves, and the last decision about it (None before the gate)."""

    model: ModelRow
    serving: bool
    last_decision: Decision | None


@dataclass(frozen=True)
class ShownModel:
    """One version with every decision about it, newest first.

    ``training`` is what ``provenance`` knows of its run: data, reason, code, when it began and how long it took.
    """

    model: ModelRow
    serving: bool
    decisions: tuple[Decision, ...]
    training: dict[str, Any]


@dataclass(frozen=True)
class Reign:
    """How long one version was champion (``until`` is None where it still is), and by which act of whom."""

    version: str
    since: datetime
    until: datetime | None
    verdict: str
    actor: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RunPage:
    """One MLflow run, for the eye: names sorted, artifacts as paths below the run."""

    run_id: str
    name: str
    use_case: str
    status: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: tuple[str, ...]


@store.database_said()
def list_models(use_case: UseCase) -> list[ListedModel]:
    """Every registered version, newest first."""
    # Our own database first: where the server is away, MLflow's client would look for it for minutes.
    decided, serving = ledger.decisions(use_case.name), champion_version(use_case)
    return [
        ListedModel(row, row.version == serving, next((item for item in decided if item.version == row.version), None))
        for row in ledger.models(use_case.name)
    ]


def reigns(use_case: UseCase) -> list[Reign]:
    """Which version was champion when, newest first; from ``ops.promotions`` and who serves now."""
    found: list[Reign] = []
    until = None
    for one in ledger.crownings(ledger.decisions(use_case.name), champion_version(use_case)):
        found.append(Reign(one.version, one.decided_at, until, one.verdict, one.actor, one.reasons))
        until = one.decided_at
    return found


@store.database_said()
def show_model(use_case: UseCase, version: str) -> ShownModel:
    """One version. Raises UnknownVersion."""
    row = ledger.known_model(use_case.name, version)
    decided = tuple(item for item in ledger.decisions(use_case.name) if item.version == version)
    training = training_data(row.mlflow_run_id) | training_times(row.mlflow_run_id)
    return ShownModel(row, champion_version(use_case) == version, decided, training)


def run_page(run_id: str) -> RunPage:
    """What MLflow knows about one run. Raises MlflowException where there is none."""
    run = store.client().get_run(run_id)
    experiment = store.client().get_experiment(run.info.experiment_id)
    return RunPage(
        run_id=run_id,
        name=run.info.run_name,
        use_case=experiment.name,
        status=run.info.status,
        params=dict(sorted(run.data.params.items())),
        metrics=dict(sorted(run.data.metrics.items())),
        tags={name: value for name, value in sorted(run.data.tags.items()) if name.startswith(store.TAG)},
        artifacts=tuple(sorted(_artifacts(run_id, ""))),
    )


def _artifacts(run_id: str, folder: str) -> Iterator[str]:
    for item in store.client().list_artifacts(run_id, folder or None):
        if item.is_dir:
            yield from _artifacts(run_id, item.path)
        else:
            yield item.path
