"""The champion of a use case with the rows that it was judged on, as those compare it who know the truth."""

from dataclasses import dataclass

import pandas as pd

from leadmill.registry import ledger
from leadmill.registry.champion import Champion, champion_version, load_version
from leadmill.registry.dataset import TrainingSet, training_set
from leadmill.spec import UseCase


@dataclass(frozen=True)
class JudgedChampion:
    """``asked`` are the holdout's keys and columns ``as_of``, row by row those of ``rows.holdout``."""

    champion: Champion
    rows: TrainingSet
    asked: pd.DataFrame


def judged_champion(use_case: UseCase) -> JudgedChampion:
    """Load it. Needs a champion."""
    version = champion_version(use_case)
    model = ledger.model(use_case.name, version) if version else None
    assert version is not None
    assert model is not None
    rows = training_set(use_case, model.mlflow_run_id)
    asked = rows.frame.iloc[rows.split.holdout][[use_case.entity.key, "as_of"]].reset_index(drop=True)
    return JudgedChampion(load_version(use_case, version), rows, asked)
