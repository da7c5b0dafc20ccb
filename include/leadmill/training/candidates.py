"""The models that compete, from simple to complex; a new one is one more builder."""

from collections.abc import Callable, Mapping

from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

SEED = 7

Parameters = Mapping[str, int | float | str]
"""Values of a candidate by name, where they differ from its builder's."""


def _logistic_regression() -> ClassifierMixin:
    return LogisticRegression(C=0.5, max_iter=1000)


def _random_forest() -> ClassifierMixin:
    # One job: several add the trees up in the order they finish, and the last digits differ from call to call.
    return RandomForestClassifier(n_estimators=60, min_samples_leaf=5, max_features="sqrt", n_jobs=1, random_state=SEED)


def _hist_gradient_boosting() -> ClassifierMixin:
    return HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=80,
        max_leaf_nodes=10,
        min_samples_leaf=20,
        max_features=0.5,
        l2_regularization=1.0,
        random_state=SEED,
    )


BUILDERS: dict[str, Callable[[], ClassifierMixin]] = {
    "logistic_regression": _logistic_regression,
    # A sum of one term per column, numbers in bins: what moved a score can be said exactly.
    "additive_scorecard": _logistic_regression,
    "random_forest": _random_forest,
    "hist_gradient_boosting": _hist_gradient_boosting,
}
# These get numbers in bins beside their own values; how many bins at most is a parameter, too.
BINNED = {"additive_scorecard": 8}
BINS = "bins"

# For rows that are there seven times over: leaves of as many of them, more and larger trees in smaller steps. Bins that
# are coarser take half the time, for the same figures.
OF_MANY_ROWS: dict[str, dict[str, int | float | str]] = {
    "hist_gradient_boosting": {
        "learning_rate": 0.05,
        "max_iter": 160,
        "max_leaf_nodes": 20,
        "min_samples_leaf": 100,
        "max_bins": 63,
    }
}


def default_parameters(candidate: str, together: bool = False) -> dict[str, int | float | str]:
    """Every parameter of the candidate as its builder sets it, those without a value left out.

    ``together``: as ``fit_together`` sets them.
    """
    given = {name: value for name, value in BUILDERS[candidate]().get_params().items() if value is not None}
    given |= OF_MANY_ROWS.get(candidate, {}) if together else {}
    return given | ({BINS: BINNED[candidate]} if candidate in BINNED else {})
