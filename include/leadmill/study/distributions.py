"""How the numbers are distributed: quantiles, the best of some families of distributions, conversion by bin."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from leadmill.columns import Column
from leadmill.study.data import LEAST_SHOWN, SAMPLE_ROWS, Cases, Floats
from leadmill.study.intervals import Rate, rate

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 10
COUNT_VALUES = 60
ZEROS_APART = 0.01
POSITIVE = {"lognormal": stats.lognorm, "exponential": stats.expon, "gamma": stats.gamma, "Weibull": stats.weibull_min}
ANYWHERE = {"normal": stats.norm, "logistic": stats.logistic, "uniform": stats.uniform}


@dataclass(frozen=True)
class Fit:
    """A family fitted by maximum likelihood. ``aic`` is lower where better; ``ks`` is the greatest distance between
    the fitted and the observed cumulative shares (0: the same)."""

    family: str
    parameters: int
    aic: float
    ks: float
    distribution: Any


@dataclass(frozen=True)
class Bin:
    """Conversion of the rows with a value in [low, high]; at least LEAST_SHOWN entities."""

    low: float
    high: float
    rate: Rate


@dataclass(frozen=True)
class Distribution:
    """A numeric column. ``values`` are the known ones, sorted; ``fits`` best first, empty for too few or equal values.

    Where ``zeros_apart``, zeros are a share of their own (``zero_share``) and the families were fitted to the rest.
    ``count`` columns are fitted as whole numbers.
    """

    column: Column
    values: Floats
    quantiles: tuple[float, ...]
    mean: float
    std: float
    distinct: int
    zero_share: float
    zeros_apart: bool
    count: bool
    fits: tuple[Fit, ...]
    bins: tuple[Bin, ...]
    missing: Rate

    @property
    def best(self) -> Fit | None:
        return self.fits[0] if self.fits else None


def distribution(column: Column, cases: Cases) -> Distribution:
    """The known values of a numeric column of ``cases``."""
    missing = cases.missing(column)
    known = cases.known[column.name].to_numpy(dtype=np.float64)
    values = np.sort(known[~missing])
    distinct = len(np.unique(values))
    zeros = float((values == 0).mean()) if len(values) else 0.0
    count = column.type == "int" and distinct <= COUNT_VALUES and bool((values >= 0).all())
    apart = not count and zeros >= ZEROS_APART and bool((values >= 0).all())
    return Distribution(
        column,
        values,
        tuple(np.quantile(values, QUANTILES).tolist()) if len(values) else (),
        float(values.mean()) if len(values) else float("nan"),
        float(values.std()) if len(values) else float("nan"),
        distinct,
        zeros,
        apart,
        count,
        fitted(values[values > 0] if apart else values, count) if distinct > 2 else (),
        _bins(known, missing, cases),
        rate(cases.y[missing], cases.weight[missing]),
    )


def fitted(values: Floats, count: bool) -> tuple[Fit, ...]:
    """Each family that can be fitted, lowest AIC first; ``count`` takes them as whole numbers from 0."""
    sample = _thinned(values)
    if len(np.unique(sample)) < 3:
        return ()
    found = _counts(sample) if count else _continuous(sample)
    return tuple(sorted((fit for fit in found if np.isfinite(fit.aic)), key=lambda fit: fit.aic))


def _thinned(values: Floats) -> Floats:
    """At most SAMPLE_ROWS of the sorted values, evenly."""
    if len(values) <= SAMPLE_ROWS:
        return values
    thinned: Floats = values[np.linspace(0, len(values) - 1, SAMPLE_ROWS).astype(int)]
    return thinned


def _continuous(values: Floats) -> list[Fit]:
    positive = bool((values > 0).all())
    found = []
    for name, family in {**ANYWHERE, **(POSITIVE if positive else {})}.items():
        fixed = {"floc": 0.0} if name in POSITIVE else {}
        try:
            with np.errstate(all="ignore"):
                frozen = family(*family.fit(values, **fixed))
                likelihood = float(frozen.logpdf(values).sum())
        except (ValueError, RuntimeError):  # the search for its parameters does not end: nothing of that family
            continue
        parameters = family.numargs + 2 - len(fixed)
        at, ends = np.unique(values, return_index=True)
        below, upto = ends / len(values), np.append(ends[1:], len(values)) / len(values)
        expected = frozen.cdf(at)
        ks = float(max(np.abs(expected - below).max(), np.abs(upto - expected).max()))
        found.append(Fit(name, parameters, 2 * parameters - 2 * likelihood, ks, frozen))
    return found


def _counts(values: Floats) -> list[Fit]:
    mean = float(values.mean())
    candidates = {
        "Poisson": (1, stats.poisson(mean)),
        "geometric": (1, stats.geom(1 / (1 + mean), loc=-1)),
        "negative binomial": (2, _negative_binomial(values, mean)),
        "normal": (2, stats.norm(mean, values.std())),
    }
    at, counts = np.unique(values, return_counts=True)
    observed = np.cumsum(counts) / len(values)
    found = []
    for name, (parameters, frozen) in candidates.items():
        # A normal distribution of whole numbers gives each the density's mass half a step to both sides.
        cumulative = frozen.cdf(at + 0.5)
        mass = np.maximum(cumulative - frozen.cdf(at - 0.5), np.finfo(float).tiny)
        aic = 2 * parameters - 2 * float(counts @ np.log(mass))
        found.append(Fit(name, parameters, aic, float(np.abs(cumulative - observed).max()), frozen))
    return found


def _negative_binomial(values: Floats, mean: float) -> Any:
    at, counts = np.unique(values, return_counts=True)

    def loss(log_size: float) -> float:
        size = np.exp(log_size)
        return -float(counts @ stats.nbinom.logpmf(at, size, size / (size + mean)))

    size = float(np.exp(optimize.minimize_scalar(loss, bounds=(-6, 10), method="bounded").x))
    return stats.nbinom(size, size / (size + mean))


def _bins(known: Floats, missing: Any, cases: Cases) -> tuple[Bin, ...]:
    values = known[~missing]
    if len(values) < BINS * 5:
        return ()
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="higher"))
    if len(edges) < 2:
        return ()
    y, weight = cases.y[~missing], cases.weight[~missing]
    number = np.searchsorted(edges[1:-1], values, side="right")
    found = []
    for at in np.unique(number):
        inside = number == at
        found.append(Bin(float(values[inside].min()), float(values[inside].max()), rate(y[inside], weight[inside])))
    return tuple(one for one in found if one.rate.weight >= LEAST_SHOWN)
