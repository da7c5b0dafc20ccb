"""The model that serves."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from leadmill.errors import NoChampion
from leadmill.registry import ledger, store
from leadmill.registry.contract import check_contract, inputs_from
from leadmill.registry.trusted import read_model
from leadmill.spec import UseCase
from leadmill.training.inputs import ModelInput


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded version with its inputs and what was frozen at its promotion.

    ``bands`` maps each band, best first, to its lowest probability; ``percentiles`` are the population's quantiles
    from 0 to 100 % in equal steps.
    """

    use_case: str
    version: str
    candidate: str
    model: Pipeline
    inputs: tuple[ModelInput, ...]
    bands: dict[str, float]
    percentiles: NDArray[np.float64]


def champion_version(use_case: UseCase) -> str | None:
    """Version that the alias ``champion`` names, or None; the alias is the only truth about who serves."""
    from mlflow.exceptions import MlflowException

    try:
        return str(store.client().get_model_version_by_alias(use_case.name, store.CHAMPION).version)
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
    return Champion(
        use_case=use_case.name,
        version=version,
        candidate=row.candidate,
        model=_pipeline_once(use_case.name, version, row.mlflow_run_id),
        inputs=inputs,
        bands={item["band"]: item["from"] for item in row.bands},
        percentiles=np.asarray(row.percentiles, dtype=np.float64),
    )


# A service that runs for months sees many come and go.
@lru_cache(maxsize=4)
def _pipeline_once(use_case: str, version: str, _mlflow_run_id: str) -> Pipeline:
    # The run tells apart the versions 1 of a registry that was emptied and filled again.
    return load_pipeline(use_case, version)


def proved_pipeline(use_case: UseCase, version: str) -> Pipeline:
    """The pipeline of a registered version, promoted or not: it loads and it fits the features.

    Raises UnknownVersion and ModelContractBroken.
    """
    check_contract(use_case, version, inputs_from(ledger.known_model(use_case.name, version).inputs))
    return load_pipeline(use_case.name, version)


def load_pipeline(use_case: str, version: str) -> Pipeline:
    """The pipeline of a registered version, by our own list of trusted types and not the artifact's."""
    import mlflow.artifacts

    store.client()
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(f"models:/{use_case}/{version}", dst_path=folder)
        return read_model(Path(path) / "model.skops")
