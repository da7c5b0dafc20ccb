"""The regressors of a model of bands made ready to be asked without frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from leadmill.training.banded import BandedModel, stretched
from leadmill.training.edges import Array
from leadmill.training.encoders import UnknownPart, as_numbers, encoders, matrix, width
from leadmill.training.fitting import CLASSIFY, PREPROCESS
from leadmill.training.inputs import ModelInput


class BandValues:
    """What ``BandedModel.predict_value`` says, to 1e-9 of the value.

    shap walks the trees, as it does those of the classifiers (``training.trees``).
    """

    def __init__(self, model: BandedModel, inputs: Sequence[ModelInput]) -> None:
        """Take the regressors apart. Raises UnknownPart."""
        # Takes more than a second.
        import shap

        self._model, self._bands = model, []
        for one in model.values:
            if not _known(one):
                raise UnknownPart("regressors of another kind")
            preprocess = one.named_steps[PREPROCESS]
            trees = shap.TreeExplainer(one.named_steps[CLASSIFY]).model
            self._bands.append((encoders(preprocess, inputs), width(preprocess), trees))

    def of(self, columns: Mapping[str, Any], codes: NDArray[np.int64]) -> Array:
        """Value, low and high, (rows, 3), of lists, numpy or Arrow arrays; ``codes`` are the predicted bands."""
        found = np.zeros(len(codes))
        for code in np.unique(codes):
            parts, wide, trees = self._bands[code]
            mine = codes == code
            found[mine] = trees.predict(matrix(parts, wide, columns)[mine]).reshape(-1)
        if self._model.offset is not None:
            found += stretched(as_numbers(columns[self._model.offset]))
        return self._model.intervals(found, codes)


def _known(one: Any) -> bool:
    return (
        isinstance(one, Pipeline)
        and set(one.named_steps) == {PREPROCESS, CLASSIFY}
        and isinstance(one.named_steps[CLASSIFY], HistGradientBoostingRegressor)
        and one.named_steps[CLASSIFY].is_categorical_ is None
    )
