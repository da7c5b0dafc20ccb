"""A made-up file of card payments: the columns, the two days and the thinning of a public sample, from a seed.

Nothing of the sample itself is in here. What a payment is like depends on what kind of fraud it is, if any: some frauds
stand far apart, some look like honest payments, and which are which nobody is told.
"""

from typing import TYPE_CHECKING

import numpy as np

from leadmill.demo.draw import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

ROWS = 5412
COMPONENTS = 28
SECONDS = 172_800
FRAUDS = 1 / 11
REPEATED = 0.04
"""Share of frauds whose row stands in the file twice."""
# Honest payments by hour: few at night. Frauds keep other hours.
_HONEST_HOURS = np.array([5, 4, 3, 2, 2, 2, 4, 7, 11, 15, 16, 16, 16, 16, 16, 15, 15, 15, 15, 14, 14, 14, 12, 8.0])
_FRAUD_HOURS = 0.4 * _HONEST_HOURS + 6
# How far a fraud's components lie from the honest ones, in their own spread; the rest do not differ.
_SHIFTS = {
    1: -1.5,
    2: 1.8,
    3: -3.0,
    4: 3.0,
    7: -2.2,
    9: -2.0,
    10: -3.0,
    11: 3.0,
    12: -3.6,
    14: -4.2,
    16: -2.6,
    17: -3.4,
}
_FAR, _MIDDLING = 0.55, 0.33
"""Shares of frauds that stand far apart and nearer; what is left can hardly be told."""


def generate(rows: int = ROWS, seed: int = 7) -> "pd.DataFrame":
    """``rows`` payments in no order: Time, V1 to V28, Amount, Class, as text; the same for the same arguments."""
    import pandas as pd

    random = np.random.default_rng(seed)
    fraud = (np.arange(rows) < round(rows * FRAUDS)).astype(np.int64)
    payments = {"Time": _times(random, fraud).astype(str)}
    severity = _severity(random, fraud)
    for number in range(1, COMPONENTS + 1):
        spread = 2.0 * 0.93**number
        # Heavy tails: an odd honest payment looks like a fraud in one component, hardly ever in several.
        values = spread * random.standard_t(5, size=rows) * 0.8
        values += spread * _SHIFTS.get(number, 0.0) * severity
        payments[f"V{number}"] = np.array([f"{value:.12g}" for value in values], dtype=object)
    payments["Amount"] = np.array([f"{value:.2f}" for value in _amounts(random, fraud)], dtype=object)
    payments["Class"] = fraud.astype(str)
    frame = pd.DataFrame(payments, dtype=object)
    doubled = np.flatnonzero((fraud == 1) & (random.random(rows) < REPEATED))
    # In place of honest ones, so that the count stays.
    frame.iloc[rows - len(doubled) :] = frame.iloc[doubled].to_numpy()
    return frame.iloc[random.permutation(rows)].reset_index(drop=True)


def _times(random: np.random.Generator, fraud: Integers) -> Integers:
    found = np.empty(len(fraud), dtype=np.int64)
    for kind, hours in enumerate((_HONEST_HOURS, _FRAUD_HOURS)):
        at = np.flatnonzero(fraud == kind)
        hour = random.choice(24, size=len(at), p=hours / hours.sum()) + 24 * random.integers(0, 2, size=len(at))
        found[at] = hour * 3600 + random.integers(0, 3600, size=len(at))
    return found


def _severity(random: np.random.Generator, fraud: Integers) -> Floats:
    """How much of the shifts a payment shows; none for an honest one."""
    kind = random.random(len(fraud))
    far, middling = random.uniform(0.9, 2.2, len(fraud)), random.uniform(0.35, 0.9, len(fraud))
    shown = np.where(kind < _FAR, far, np.where(kind < _FAR + _MIDDLING, middling, 0.1))
    return np.where(fraud == 1, shown, 0.0)


def _amounts(random: np.random.Generator, fraud: Integers) -> Floats:
    honest = np.exp(random.normal(3.1, 1.6, len(fraud)))
    tested = random.random(len(fraud)) < 0.35
    stolen = np.where(tested, 1.0, np.exp(random.normal(4.2, 1.5, len(fraud))))
    return np.minimum(np.where(fraud == 1, stolen, honest), 6000.0)
