"""The first half of every model's pipeline: scaling, one-hot, flags."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

from leadmill.training.inputs import NUMBERS, ModelInput
from leadmill.training.winsorizer import Winsorizer

SEPARATOR = "="
RARE_SHARE = 0.01


def preprocessing(inputs: Sequence[ModelInput], bins: int = 0) -> ColumnTransformer:
    """Unfitted transformer of a model frame into one dense float64 matrix.

    Numbers and ordinals are scaled, those with ``log`` as log(1 + value), those with ``clip`` first pulled in; levels
    become one-hot with those under ``RARE_SHARE`` of the rows grouped and unseen ones read as rare; flags stay 0 and 1.
    With ``bins`` each number and ordinal is there a second time, as one-hot of at most so many bins between its
    quantiles.
    """
    numbers = [item for item in inputs if item.type in NUMBERS]
    parts = {
        "clipped": (make_pipeline(Winsorizer(), StandardScaler()), _named(numbers, clip=True, log=False)),
        "number": (StandardScaler(), _named(numbers, clip=False, log=False)),
        "logged_clipped": (
            make_pipeline(_logarithm(), Winsorizer(), StandardScaler()),
            _named(numbers, clip=True, log=True),
        ),
        "logged": (make_pipeline(_logarithm(), StandardScaler()), _named(numbers, clip=False, log=True)),
        "level": (_one_hot(), [item.name for item in inputs if item.type == "category"]),
        "flag": ("passthrough", [item.name for item in inputs if item.type == "bool"]),
        "bin": (make_pipeline(_bins(bins), _one_hot()), [item.name for item in numbers] if bins else []),
    }
    return ColumnTransformer(
        [(name, step, columns) for name, (step, columns) in parts.items() if columns],
        verbose_feature_names_out=False,
        sparse_threshold=0,
    )


def source_column(term: str) -> str:
    """Input column behind one output column of :func:`preprocessing`.

    >>> source_column("last_activity=sms_sent"), source_column("total_visits")
    ('last_activity', 'total_visits')
    """
    return term.split(SEPARATOR, 1)[0]


def term_name(column: str, level: object) -> str:
    """Name of a one-hot output column; a column's own name never holds the separator."""
    return f"{column}{SEPARATOR}{level}"


def _named(numbers: Sequence[ModelInput], clip: bool, log: bool) -> list[str]:
    return [item.name for item in numbers if (item.clip, item.log) == (clip, log)]


def _logarithm() -> Any:
    return FunctionTransformer(np.log1p, feature_names_out="one-to-one")


def _one_hot() -> OneHotEncoder:
    return OneHotEncoder(
        min_frequency=RARE_SHARE,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        feature_name_combiner=term_name,
    )


def _bins(most: int) -> KBinsDiscretizer:
    # Between observed values: a bin of counts begins at a count. Quantiles that are equal make fewer bins. Of all rows:
    # a sample would be another one at each fit.
    return KBinsDiscretizer(
        most, encode="ordinal", strategy="quantile", quantile_method="averaged_inverted_cdf", subsample=None
    )
