"""Do the reasons of a version's scores add up to them?"""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import Pipeline

from leadmill.registry.rules import Rule
from leadmill.spec import UseCase
from leadmill.training.compiled import compiled
from leadmill.training.encoders import UnknownPart
from leadmill.training.inputs import ModelInput
from leadmill.training.metrics import Array

# A forest explains about a hundred rows a second.
ROWS = 100
POINTS = 1e-6


def reasons_add_up(
    use_case: UseCase, model: Pipeline, inputs: tuple[ModelInput, ...], frame: pd.DataFrame, answers: Array
) -> Rule:
    """Base and contributions of each of the first ROWS rows give the score of the pipeline, to POINTS score points.

    ``frame`` holds the rows as the features table does, ``answers`` the pipeline's probabilities of them. A pipeline
    that cannot be taken apart, as one from elsewhere may be, has no reasons that could fail to.
    """
    try:
        made = compiled(model, inputs)
    except UnknownPart as error:
        return Rule("reasons_add_up", True, f"its scores have no reasons ({error})", {"explains": False})
    columns = {item.name: frame[item.name].head(ROWS).tolist() for item in inputs}
    told = expit(made.base + made.contributions(columns).sum(axis=1))
    gap = float(np.abs(told - answers[:ROWS]).max(initial=0.0)) * use_case.score.scale
    sentence = (
        f"base and reasons give the score to {gap:.1g} points in {min(ROWS, len(answers))} rows, asked: {POINTS:g}"
    )
    return Rule("reasons_add_up", gap <= POINTS, sentence, {"explains": made.explains, "gap": gap, "most": POINTS})
