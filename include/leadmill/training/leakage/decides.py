"""A feature, or the mere fact that it is missing, that nearly decides the label."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadmill.columns import Column
from leadmill.training.leakage.cases import Cases, grouped, wilson
from leadmill.training.leakage.findings import DECIDES, MISSINGNESS_DECIDES, Finding
from leadmill.training.metrics import Predictions, point
from leadmill.training.split import grouped_folds

# One column alone: on the real leads at hand the best honest model of thirty columns together reaches .94.
AUC_LIMIT = 0.95
# Groups in which one class is ten times rarer than overall, surely, and which together hold a quarter of the other.
PURITY, COVER, LEAST_IN_GROUP = 0.1, 0.25, 30
# Where one class is rarer than this, most groups are pure in the other and say nothing by that; those pure in the rare
# one do.
RARE = 0.1
_PRIOR_WEIGHT = 2.0

Groups = NDArray[np.int64]


def deciding_columns(cases: Cases, columns: Sequence[Column]) -> list[Finding]:
    """Findings about columns that know the label all but by themselves, each by its values or by its missingness."""
    found = []
    for column in columns:
        codes, named = grouped(cases.known[column.name], column)
        missing = cases.known[column.name].isna().to_numpy().astype(np.int64)
        by_missing = _finding(cases, column, missing, ["given", "missing"], MISSINGNESS_DECIDES)
        finding = by_missing or _finding(cases, column, codes, named, DECIDES)
        if finding:
            found.append(finding)
    return found


def _finding(cases: Cases, column: Column, codes: Groups, named: Sequence[str], kind: str) -> Finding | None:
    if len(named) < 2 or len(np.unique(codes)) < 2:
        return None
    what = "whether it is missing" if kind == MISSINGNESS_DECIDES else "its value"
    auc, low, high = single_auc(cases, codes)
    if low >= AUC_LIMIT:
        return Finding(
            kind,
            column.name,
            f"{what} alone ranks the outcomes with a cross-validated ROC AUC of {auc:.3f} ({low:.3f} to {high:.3f}), "
            f"at or above {AUC_LIMIT:g}",
            {"roc_auc": auc, "low": low, "high": high, "limit": AUC_LIMIT, "rows": len(cases.y)},
        )
    for label in (1, 0):
        cover, pure = _pure_cover(cases, codes, label)
        if cover >= COVER and (1 - cases.base_rate if label else cases.base_rate) >= RARE:
            size, share = _share(cases, np.isin(codes, pure), label)
            overall = float(np.average(cases.y == label, weights=cases.weight))
            return Finding(
                kind,
                column.name,
                f"by {what}, {cover:.0%} of the {'positive' if label else 'negative'} outcomes are in "
                f"{', '.join(named[at] for at in pure[:3])}{' ...' if len(pure) > 3 else ''}, where {share:.1%} of "
                f"{size:,.0f} end so (of all rows: {overall:.1%})",
                {"groups": [named[at] for at in pure[:20]], "label": label, "cover": cover, "share": share,
                 "overall": overall, "entities": size, "roc_auc": auc},
            )  # fmt: skip
    return None


def single_auc(cases: Cases, codes: Groups) -> tuple[float, float, float]:
    """ROC AUC of the groups' positive rates, learned on four fifths of the entities and judged on the rest, and its
    95 % interval by the error of Hanley and McNeil (1982), a sum of weights counting as that many cases.

    NaN, and limits of 0 and 1, where one class only is there.
    """
    learned = np.empty(len(cases.y))
    size, base = int(codes.max()) + 1, float(np.average(cases.y, weights=cases.weight))
    for train, test in grouped_folds(cases.y, cases.groups):
        weight = np.bincount(codes[train], cases.weight[train], size)
        positive = np.bincount(codes[train], cases.weight[train] * cases.y[train], size)
        learned[test] = ((positive + _PRIOR_WEIGHT * base) / (weight + _PRIOR_WEIGHT))[codes[test]]
    auc = point(Predictions(cases.y, learned, base), cases.weight, ["roc_auc"])["roc_auc"]
    positives, negatives = (float(cases.weight[cases.y == label].sum()) for label in (1, 0))
    if math.isnan(auc):
        return auc, 0.0, 1.0
    above, below = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (positives - 1) * (above - auc**2) + (negatives - 1) * (below - auc**2)) / (
        positives * negatives
    )
    error = 1.959964 * math.sqrt(max(variance, 0.0))
    return auc, max(0.0, auc - error), min(1.0, auc + error)


def _pure_cover(cases: Cases, codes: Groups, label: int) -> tuple[float, list[int]]:
    """Share of the class ``label`` that is in groups where the other class is surely rare; those groups, largest first.

    Nothing is learned here: a group needs LEAST_IN_GROUP entities, and the upper end of its interval counts.
    """
    size = int(codes.max()) + 1
    of_label = (cases.y == label).astype(np.float64) * cases.weight
    weight, held = np.bincount(codes, cases.weight, size), np.bincount(codes, of_label, size)
    other = 1 - label
    limit = PURITY * (cases.base_rate if other else 1 - cases.base_rate)

    def most(at: int) -> float:
        """Upper end of the true share of the other class in a group."""
        return cases.true_share(wilson(1 - held[at] / weight[at], float(weight[at]))[1], other)

    pure = [at for at in np.argsort(-held) if weight[at] >= LEAST_IN_GROUP and most(at) <= limit]
    return float(held[pure].sum() / of_label.sum()) if of_label.sum() else 0.0, [int(at) for at in pure]


def _share(cases: Cases, inside: NDArray[np.bool_], label: int) -> tuple[float, float]:
    weight = cases.weight[inside]
    return float(weight.sum()), float(np.average(cases.y[inside] == label, weights=weight))
