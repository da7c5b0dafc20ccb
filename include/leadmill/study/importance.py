"""What each feature is worth by three methods that err in different ways, and how far they agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.pipeline import Pipeline

from leadmill.columns import Column
from leadmill.spec import UseCase
from leadmill.study.categories import level_names
from leadmill.study.choice import log_losses
from leadmill.study.correlations import spearman
from leadmill.study.data import NUMERIC, SAMPLE_ROWS, Cases, Floats, Ints, StudyData
from leadmill.study.intervals import mean_of_entities
from leadmill.training.bootstrap import intervals
from leadmill.training.candidates import BUILDERS, SEED
from leadmill.training.data import Rows, rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.importance import REPEATS
from leadmill.training.inputs import ModelInput, model_inputs
from leadmill.training.metrics import Predictions
from leadmill.training.predict import probabilities
from leadmill.training.preprocess import preprocessing, source_column
from leadmill.training.results import Estimate, Folds
from leadmill.training.split import grouped_folds

JUDGED_ROWS = 5_000
NOISE_SHUFFLES = 20
_BINS = 10
METHODS = ("permutation", "mutual information", "standardised coefficients")


@dataclass(frozen=True)
class Worth:
    """A feature. ``permutation``: rise of the log loss on the holdout when it is shuffled, with a 95 % interval.

    ``information``: percent of the label's entropy that it explains alone; ``noise`` is the 95th percentile with
    shuffled labels. ``coefficient``: standard deviation of its share in the log-odds, over five folds.
    """

    column: Column
    permutation: Estimate
    information: float
    noise: float
    coefficient: Folds
    ranks: tuple[float, float, float]

    @property
    def mean_rank(self) -> float:
        return float(np.mean(self.ranks))

    @property
    def worthless(self) -> bool:
        """Neither shuffling it nor the information in it rises above chance."""
        return self.permutation.low <= 0 and self.information <= self.noise


@dataclass(frozen=True)
class Importance:
    """Best mean rank first. ``figures`` are those of the candidate on the ``judged`` rows of the holdout.

    ``agreement`` is the rank correlation of every two methods, in the order of METHODS.
    """

    candidate: str
    figures: dict[str, Estimate]
    judged: int
    worth: tuple[Worth, ...]
    agreement: Floats


def importance(use_case: UseCase, data: StudyData) -> Importance:
    """Of every input: the spec's last candidate, the most complex, learns from older rows, the holdout judges it."""
    inputs = model_inputs(use_case)
    train_cases, judged_cases = data.train.drawn(SAMPLE_ROWS), data.holdout.drawn(JUDGED_ROWS)
    train, judged = (rows_of(use_case, cases.filled, inputs) for cases in (train_cases, judged_cases))
    candidate = use_case.model.candidates[-1]
    model = fit_candidate(candidate, inputs, train)
    intact = Predictions(judged.y, probabilities(model, judged.x), train.base_rate)
    losses = log_losses(judged.y, intact.probability, judged.weight)
    columns = use_case.inputs
    lost = {one.name: _permutation(model, inputs, one.name, judged, losses) for one in columns}
    information = {one.name: _information(one, train_cases) for one in columns}
    strengths = _coefficients(inputs, train)
    table = np.array([[lost[c.name].value, information[c.name][0], strengths[c.name].mean] for c in columns])
    ranks = np.column_stack([rankdata(-table[:, method]) for method in range(3)])
    worth = [
        Worth(column, lost[column.name], *information[column.name], strengths[column.name], tuple(ranks[at].tolist()))
        for at, column in enumerate(columns)
    ]
    agreement = np.array([[spearman(ranks[:, a], ranks[:, b]) if len(ranks) > 2 else np.nan for b in range(3)]
                          for a in range(3)])  # fmt: skip
    figures = intervals(intact, judged.weight, judged.groups)
    return Importance(candidate, figures, len(judged), tuple(sorted(worth, key=lambda one: one.mean_rank)), agreement)


def _permutation(model: Pipeline, inputs: Sequence[ModelInput], feature: str, rows: Rows, intact: Floats) -> Estimate:
    """The column and its flag are shuffled together, REPEATS times; the interval is over entities of the holdout."""
    random = np.random.default_rng(SEED)
    mine = [item.name for item in inputs if item.feature == feature]
    orders = [random.permutation(len(rows)) for _ in range(REPEATS)]
    shuffled = pd.concat([rows.x.assign(**{name: rows.x[name].to_numpy()[at] for name in mine}) for at in orders])
    broken = probabilities(model, shuffled).reshape(REPEATS, len(rows))
    rise = np.mean([log_losses(rows.y, one, rows.weight) for one in broken], axis=0) - intact
    return mean_of_entities(rise, rows.groups)


def _information(column: Column, cases: Cases) -> tuple[float, float]:
    """Mutual information with the label in percent of its entropy, and what shuffled labels reach."""
    codes = _codes(column, cases)
    random = np.random.default_rng(SEED)
    noise = [_shared(codes, cases.y[random.permutation(len(cases))]) for _ in range(NOISE_SHUFFLES)]
    return _shared(codes, cases.y), float(np.quantile(noise, 0.95))


def _codes(column: Column, cases: Cases) -> Ints:
    """Levels, or quantile bins of a number; missing is a level of its own, and rare levels are one."""
    if column.type in NUMERIC:
        values = cases.known[column.name].to_numpy(dtype=np.float64)
        known = values[~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1))) if len(known) else np.zeros(1)
        return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left")).astype(np.int64)
    _, codes, counts = np.unique(level_names(column, cases).astype(str), return_inverse=True, return_counts=True)
    return np.where(counts[codes] < _BINS, len(counts), codes).astype(np.int64)


def _shared(codes: Ints, y: Ints) -> float:
    kinds = int(codes.max()) + 1
    table = np.bincount(codes * 2 + y, minlength=2 * kinds).reshape(kinds, 2) / len(y)
    independent = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    held = table > 0
    label = table.sum(axis=0)
    entropy = -float((label * np.log(label)).sum())
    return 100 * float((table[held] * np.log(table[held] / independent[held])).sum()) / entropy


def _coefficients(inputs: Sequence[ModelInput], rows: Rows) -> dict[str, Folds]:
    """Strength of each feature in logistic regressions of the training parts of five folds."""
    feature_of = {item.name: item.feature for item in inputs}
    found: dict[str, list[float]] = {item.feature: [] for item in inputs}
    for train, _ in grouped_folds(rows.y, rows.groups):
        part = rows.take(train)
        encode = preprocessing(inputs)
        x = encode.fit_transform(part.x)
        weights = BUILDERS["logistic_regression"]().fit(x, part.y, sample_weight=part.weight).coef_[0]
        owners = np.array([feature_of[source_column(str(term))] for term in encode.get_feature_names_out()])
        for feature, strengths in found.items():
            mine = np.flatnonzero(owners == feature)
            strengths.append(float(np.std(x[:, mine] @ weights[mine])))
    return {name: Folds(float(np.mean(values)), float(np.std(values))) for name, values in found.items()}
