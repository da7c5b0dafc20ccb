"""The model that serves."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadmill.decision import Decision
from leadmill.errors import NoChampion
from leadmill.registry import ledger, store
from leadmill.registry.contract import check_classes, check_contract, inputs_from
from leadmill.registry.trusted import read_model
from leadmill.spec import UseCase
from leadmill.training.banded import BandedModel, Model
from leadmill.training.inputs import ModelInput


@dataclass(frozen=True)
class Cut:
    """From ``threshold`` on the decision is ``positive``, below it ``negative``."""

    threshold: float
    positive: str
    negative: str

    def decide(self, probability: float) -> str:
        """The decision of one probability."""
        return self.positive if probability >= self.threshold else self.negative


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded version with its inputs and what was frozen at its promotion.

    ``bands`` maps each band, best first, to its lowest probability; ``percentiles`` are the population's quantiles
    from 0 to 100 % in equal steps. ``decision`` is None where the spec declares none, or did not when it was trained.
    """

    use_case: str
    version: str
    candidate: str
    model: Model
    inputs: tuple[ModelInput, ...]
    bands: dict[str, float]
    percentiles: NDArray[np.float64]
    decision: Cut | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the bands, lowest first, where it predicts bands; of two classes none."""
        return self.model.classes if isinstance(self.model, BandedModel) else ()


def champion_version(use_case: UseCase) -> str | None:
    """Version that the alias ``champion`` names, or None; the alias is the only truth about who serves."""
    # First, because MLflow is quiet only where it is told before it is imported.
    client = store.client()
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(use_case.name, store.CHAMPION).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def champion(use_case: UseCase) -> Champion:
    """The serving model, loaded once per version and process. Raises NoChampion or ModelContractBroken."""
    version = champion_version(use_case)
    if version is None:
        raise NoChampion(use_case.name)
    return load_version(use_case, version)


def load_version(use_case: UseCase, version: str) -> Champion:
    """A promoted version. Raises NoChampion when it was never promoted, ModelContractBroken when it does not fit."""
    row = ledger.model(use_case.name, version)
    if row is None or row.bands is None or row.percentiles is None:
        raise NoChampion(use_case.name)
    inputs = inputs_from(row.inputs)
    check_contract(use_case, version, inputs)
    check_classes(use_case, version, row.classes)
    return Champion(
        use_case=use_case.name,
        version=version,
        candidate=row.candidate,
        model=_pipeline_once(use_case.name, version, row.mlflow_run_id),
        inputs=inputs,
        bands={item["band"]: item["from"] for item in row.bands},
        percentiles=np.asarray(row.percentiles, dtype=np.float64),
        decision=_cut(use_case.decision, row.decision) if use_case.decision and row.decision else None,
    )


def _cut(asked: Decision, kept: Mapping[str, Any]) -> Cut:
    """The threshold is the version's, the words are those of the spec."""
    return Cut(kept["threshold"], asked.positive, asked.negative)


# A service that runs for months sees many come and go.
@lru_cache(maxsize=4)
def _pipeline_once(use_case: str, version: str, _mlflow_run_id: str) -> Model:
    # The run tells apart the versions 1 of a registry that was emptied and filled again.
    return load_pipeline(use_case, version)


def proved_pipeline(use_case: UseCase, version: str) -> Model:
    """The pipeline of a registered version, promoted or not: it loads and it fits the features.

    Raises UnknownVersion and ModelContractBroken.
    """
    row = ledger.known_model(use_case.name, version)
    check_contract(use_case, version, inputs_from(row.inputs))
    check_classes(use_case, version, row.classes)
    return load_pipeline(use_case.name, version)


def load_pipeline(use_case: str, version: str) -> Model:
    """The pipeline of a registered version, by our own list of trusted types and not the artifact's."""
    import mlflow.artifacts

    store.client()
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(f"models:/{use_case}/{version}", dst_path=folder)
        return read_model(Path(path) / "model.skops")
