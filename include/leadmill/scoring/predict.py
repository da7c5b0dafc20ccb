"""From features to scores: through the scorer that the API uses too, so they cannot differ."""

import pandas as pd

from leadmill.registry.champion import Champion
from leadmill.scoring.scorer import scorer
from leadmill.spec import UseCase


def predict(use_case: UseCase, champion: Champion, features: pd.DataFrame) -> pd.DataFrame:
    """Key, probability, score, band and percentile for each row of ``features``, in its order.

    ``features`` holds the key and every input of the champion, typed as in the features table. The score is
    ``score.scale`` x probability rounded to the nearest integer, a half up; bands and percentiles use the unrounded
    probability. Raises KeyError when an input is absent.
    """
    found = scorer(use_case, champion).many({item.name: features[item.name].to_numpy() for item in champion.inputs})
    return pd.DataFrame(
        {
            use_case.entity.key: features[use_case.entity.key].to_numpy(),
            use_case.score_column: found.score,
            "probability": found.probability,
            "band": found.band,
            "percentile": found.percentile,
        },
        index=features.index,
    )
