"""Forests and boosted trees, asked and explained by the package shap."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from leadmill.training.encoders import Encoder, matrix, row

# Rows of a batch to explain, a third of a second's work: one takes a forest 10 ms, boosted trees 0.1 ms.
_FOREST, _BOOSTED = 50, 2000


class Trees:
    """Log-odds that are linear in what the trees answer: a forest its probability, boosted trees their raw sum.

    Contributions are Shapley values by TreeSHAP (Lundberg et al. 2020), path-dependent: a feature that is not known
    counts as in the training rows that came the same way. The base is the mean answer over the training rows. shap
    evaluates the trees too: it holds them in flat arrays, walks them in C and gives what scikit-learn gives, without
    its fixed costs and without threads that wait for each other.
    """

    explains = True

    def __init__(
        self,
        encoders: Sequence[Encoder],
        owners: Sequence[str],
        wide: int,
        classifier: RandomForestClassifier | HistGradientBoostingClassifier,
        slope: float,
        intercept: float,
    ) -> None:
        # Takes more than a second, which only trees are worth.
        import shap

        self.features = tuple(dict.fromkeys(owners))
        self.light = not isinstance(classifier, RandomForestClassifier)
        self.explained = _BOOSTED if self.light else _FOREST
        self._encoders, self._wide = tuple(encoders), wide
        self._slope, self._intercept = slope, intercept
        self._explainer = shap.TreeExplainer(classifier)
        self._outputs = int(self._explainer.model.num_outputs)
        self.base = slope * float(np.ravel(self._explainer.expected_value)[-1]) + intercept
        # One row per column of the matrix, with a 1 at its feature.
        self._fold = np.zeros((wide, len(self.features)))
        for one, owner in zip(encoders, owners, strict=True):
            self._fold[list(one.columns), self.features.index(owner)] = slope

    def one(self, values: Mapping[str, Any]) -> tuple[float, list[float]]:
        """Log-odds of one entity, and what each feature contributes to them."""
        encoded = row(self._encoders, self._wide, values)
        found: list[float] = self._explained(encoded)[0].tolist()
        return float(self._answers(encoded)[0]), found

    def many(self, columns: Mapping[str, Any]) -> tuple[NDArray[np.float64], None]:
        """Log-odds of many entities, without contributions."""
        return self._answers(matrix(self._encoders, self._wide, columns)), None

    def contributions(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        """What each feature contributes to the log-odds of many entities: a row per entity."""
        return self._explained(matrix(self._encoders, self._wide, columns))

    def _answers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._explainer.model.predict(rows).reshape(len(rows), self._outputs)[:, -1]
        return self._slope * found + self._intercept

    def _explained(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        # Of a forest there is a value per class.
        values: NDArray[np.float64] = self._explainer.shap_values(rows, check_additivity=False)
        return (values[..., -1] if values.ndim == 3 else values) @ self._fold
