"""A champion made ready to be asked: one entity with its reasons, or many at once. Batch and API score through it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from leadmill.registry.champion import Champion
from leadmill.scoring.points import logistic
from leadmill.scoring.reasons import reasons
from leadmill.scoring.reasons_json import reasons_json
from leadmill.scoring.scale import bands, decisions, percentiles, scores
from leadmill.scoring.scored import Reason, Scored, ScoredMany
from leadmill.spec import UseCase
from leadmill.training.compiled import Compiled, compiled
from leadmill.training.encoders import UnknownPart
from leadmill.training.inputs import ModelInput, model_frame
from leadmill.training.predict import DECIMALS, probabilities

__all__ = ["Reason", "Scored", "ScoredMany", "Scorer", "scorer"]
_STEPS = 10.0**DECIMALS


def scorer(use_case: UseCase, champion: Champion) -> "Scorer":
    """The champion, compiled: who asks often keeps it.

    Of a pipeline that holds unknown parts, as one that was trained elsewhere may, the pipeline itself is asked: slower,
    and without reasons.
    """
    if not champion.classes:
        return Scorer(use_case, champion)
    from leadmill.scoring.banded import BandedScorer

    return BandedScorer(use_case, champion)


class Scorer:
    """A loaded version that scores typed features, as they are in the features table. Threads may share it.

    Probabilities are those of ``training.predict.probabilities``, to 1e-9.
    """

    def __init__(self, use_case: UseCase, champion: Champion) -> None:
        self.version: str = champion.version
        self.candidate: str = champion.candidate
        self.inputs: tuple[ModelInput, ...] = champion.inputs
        self._champion, self._scale = champion, use_case.score.scale
        self.model = _compiled(champion)
        self.explains: bool = self.model is not None and self.model.explains
        """Whether scores have reasons."""
        self.light: bool = self.model is not None and self.model.light
        """Whether one entity takes far less than a millisecond, and so may be asked on an event loop."""
        self._features = tuple(use_case.features[name] for name in self.model.features) if self.model else ()
        self._flags = frozenset(item.name for item in champion.inputs if item.name != item.feature)
        self.base: float = logistic(self.model.base) if self.model else 0.0
        """Probability that reasons are measured from."""
        self._bands = list(champion.bands), [-lowest for lowest in champion.bands.values()]
        self._grid = champion.percentiles.tolist()
        self._cut = champion.decision
        self.decides: bool = use_case.decision is not None
        """Whether scores have a decision, which is null where the version keeps none."""

    def one(self, values: Mapping[str, Any]) -> Scored:
        """One entity's score with its reasons; ``values`` maps each input's name to its value. Raises KeyError."""
        contributions: list[float] = []
        if self.model is None:
            probability = float(self._asked({item.name: [values[item.name]] for item in self.inputs})[0])
        else:
            log_odds, contributions = self.model.one(values)
            probability = round(logistic(log_odds) * _STEPS) / _STEPS
        exact = probability * self._scale
        base, found = exact, tuple[Reason, ...]()
        if self.explains:
            base = self.base * self._scale
            found = reasons(self._features, self._flags, values, contributions, exact - base, self.base, self._scale)
        names, lowest = self._bands
        band = names[min(bisect_left(lowest, -probability), len(names) - 1)]
        steps = len(self._grid) - 1
        percentile = round(min(bisect_left(self._grid, probability), steps) * 100 / steps, 6)
        score = min(max(int(exact + 0.5), 0), self._scale)
        decision = self._cut.decide(probability) if self._cut else None
        return Scored(probability, score, band, percentile, base, found, decision=decision)

    def many(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> ScoredMany:
        """Scores of many entities, without reasons; ``columns`` maps each input's name to the entities' values."""
        found = self._asked(columns) if self.model is None else rounded(self.model.many(columns)[0])
        return self._scored(columns, found)

    def batch(self, rows: pa.Table) -> tuple[ScoredMany, pa.Array]:
        """Scores of rows that hold every input, and their reasons as JSON (see ``reasons_json``).

        Where explaining takes long, as it does for trees, the best ``model.explained`` rows have reasons and the others
        null: :meth:`one` says them when asked.
        """
        if self.model is None or not self.explains:
            found = self.many(_columns(rows, self.inputs))
            return found, pa.nulls(len(found.score), pa.string())
        columns = _columns(rows, self.inputs)
        log_odds, contributions = self.model.many(columns)
        found = self._scored(columns, rounded(log_odds))
        if contributions is not None:
            return found, self._reasons(rows, contributions, found.probability)
        best = np.sort(np.argsort(-found.probability, kind="stable")[: self.model.explained])
        places = np.full(len(rows), -1)
        places[best] = np.arange(len(best))
        chosen = rows.take(best)
        explained = self.model.contributions(_columns(chosen, self.inputs))
        texts = self._reasons(chosen, explained, found.probability[best])
        return found, texts.take(pa.array(places, mask=places < 0))

    def _reasons(
        self, rows: pa.Table, contributions: NDArray[np.float64], probability: NDArray[np.float64]
    ) -> pa.Array:
        moved = probability * self._scale - self.base * self._scale
        columns = _columns(rows, self.inputs)
        return reasons_json(self._features, columns, contributions, moved, self.base, self._scale)

    def _asked(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        """What the pipeline itself answers."""
        frame = self._frame(columns)
        return probabilities(self._champion.model, frame) if len(frame) else np.empty(0)

    def _frame(self, columns: Mapping[str, Any]) -> pd.DataFrame:
        """The columns as a pipeline takes them."""
        return model_frame(pd.DataFrame({item.name: columns[item.name] for item in self.inputs}), self.inputs)

    def _scored(self, columns: Mapping[str, Any], probability: NDArray[np.float64]) -> ScoredMany:
        """What is seen of these probabilities, which were answered of ``columns``."""
        return ScoredMany(
            probability,
            scores(probability, self._scale),
            bands(probability, self._champion.bands),
            percentiles(probability, self._champion.percentiles),
            decision=decisions(probability, self._cut) if self._cut else None,
        )


def _compiled(champion: Champion) -> Compiled | None:
    try:
        return compiled(champion.model, champion.inputs)
    except UnknownPart:
        return None


def _columns(rows: pa.Table, inputs: Sequence[ModelInput]) -> dict[str, Any]:
    return {item.name: rows[item.name].combine_chunks() for item in inputs}


def rounded(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of these log-odds, to DECIMALS places."""
    found: NDArray[np.float64] = np.round(expit(log_odds), DECIMALS)
    return found
