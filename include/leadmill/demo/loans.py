"""A made-up file of loan applications: the columns, gaps and skewed amounts of the real one, from a seed."""

from typing import TYPE_CHECKING

import numpy as np

from leadmill.demo.draw import Flags, Floats, Strings, effect, pick, yes_no

if TYPE_CHECKING:
    import pandas as pd

ROWS = 614
FIRST_NUMBER, MEAN_GAP = 1002, 3.25
DEPENDENTS = {"0": 0.58, "1": 0.17, "2": 0.17, "3+": 0.08}
TERMS = {"360": 0.854, "180": 0.074, "480": 0.025, "300": 0.022, "84": 0.007, "240": 0.007, "120": 0.006, "36": 0.005}
AREAS = {"Semiurban": 0.379, "Urban": 0.329, "Rural": 0.292}
MISSING = {
    "Gender": 0.021,
    "Married": 0.005,
    "Dependents": 0.024,
    "Self_Employed": 0.052,
    "LoanAmount": 0.036,
    "Loan_Amount_Term": 0.023,
    "Credit_History": 0.081,
}
# Log-odds of being approved: what was paid back before counts more than everything else together.
BASE, GOOD_HISTORY, MARRIED = -2.9, 4.0, 0.35
AREA_EFFECT = {"Semiurban": 0.7, "Rural": -0.25}


def generate(rows: int = ROWS, seed: int = 7) -> "pd.DataFrame":
    """``rows`` applications in the order of their numbers, every value text and missing ones empty.

    The same for the same arguments.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    good, married = random.random(rows) < 0.84, random.random(rows) < 0.65
    area = pick(random, AREAS, rows)
    odds = BASE + GOOD_HISTORY * good + MARRIED * married + effect(AREA_EFFECT, area)
    approved = random.random(rows) < 1 / (1 + np.exp(-odds))
    income, other, amount = _amounts(random, rows)
    columns = {
        "Loan_ID": _numbers(random, rows),
        "Gender": np.where(random.random(rows) < 0.81, "Male", "Female").astype(object),
        "Married": yes_no(married),
        "Dependents": pick(random, DEPENDENTS, rows),
        "Education": np.where(random.random(rows) < 0.78, "Graduate", "Not Graduate").astype(object),
        "Self_Employed": yes_no(random.random(rows) < 0.14),
        "ApplicantIncome": _text(income),
        "CoapplicantIncome": _text(other),
        "LoanAmount": _text(amount),
        "Loan_Amount_Term": pick(random, TERMS, rows),
        "Credit_History": np.where(good, "1", "0").astype(object),
        "Property_Area": area,
        "Loan_Status": _yes(approved),
    }
    for name, share in MISSING.items():
        columns[name][random.random(rows) < share] = ""
    return pd.DataFrame(columns)


def _numbers(random: np.random.Generator, rows: int) -> Strings:
    numbers = FIRST_NUMBER + np.cumsum(random.geometric(1 / MEAN_GAP, size=rows)) - 1
    return np.array([f"LP{number:06d}" for number in numbers], dtype=object)


def _amounts(random: np.random.Generator, rows: int) -> tuple[Floats, Floats, Floats]:
    """Incomes of applicant and co-applicant and the loan in thousands: log-normal, the loan by what both earn."""
    income = np.exp(random.normal(8.34, 0.64, size=rows))
    other = np.where(random.random(rows) < 0.445, 0.0, np.exp(random.normal(7.72, 0.69, size=rows)))
    spread = random.normal(0.0, 0.38, size=rows)
    amount = np.exp(4.86 + 0.62 * (np.log(income + other) - 8.67) + spread)
    return np.clip(income, 150, 81_000), np.clip(other, 0, 41_667), np.clip(amount, 9, 700)


def _text(values: Floats) -> Strings:
    return np.round(values).astype(np.int64).astype(str).astype(object)


def _yes(flags: Flags) -> Strings:
    return np.where(flags, "Y", "N").astype(object)
