"""Masked errors where the truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
from study_support import MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import StudyData, study_data
from leadmill.study.imputation import Imputation, imputation


def of(name: str, data: StudyData) -> Imputation:
    found = imputation(data.use_case.features[name], data.train)
    assert found
    return found


def test_a_line_is_best_filled_by_a_line(data: StudyData) -> None:
    found = of("budget", data)
    error = {result.method: result.in_pattern for result in found.results}
    assert error["linear"].high < 0.5 * error["constant"].low
    # In the column's unit: the noise's mean distance, .4, and something for the 5 % without the other end of the line.
    assert 0.4 < error["linear"].value < 1.0
    assert found.choice.recommended == "linear"
    assert found.choice.behind["median"].low > 0
    assert found.chosen
    assert found.chosen.method == "median"


def test_noise_is_best_filled_by_a_constant(data: StudyData) -> None:
    found = of("interest", data)
    assert found.choice.recommended in ("constant", "median", "mode")
    assert all(0 <= result.alone.value <= 2 for result in found.results)


def test_what_is_missing_together_cannot_be_told_from_each_other(shop: UseCase, frame: pd.DataFrame) -> None:
    together = frame["budget_missing"]
    found = of("budget", study_data(shop, frame.assign(spend_missing=together), MOMENT))
    linear = next(result for result in found.results if result.method == "linear")
    assert linear.in_pattern.low > 2 * linear.alone.high


def test_a_category_is_judged_by_wrong_guesses(shop: UseCase, frame: pd.DataFrame) -> None:
    told = np.where(frame["visits"] > 4, "many", "few")
    hidden = np.random.default_rng(0).random(len(frame)) < 0.2
    found = of("channel", study_data(shop, frame.assign(channel=np.where(hidden, "unknown", told)), MOMENT))
    wrong = {result.method: result.alone.value for result in found.results}
    assert set(wrong) == {"mode", "tree", "knn"}
    assert wrong["tree"] < 0.02 < 0.3 < wrong["mode"]
    assert found.chosen is None


def test_an_only_feature_is_not_told_from_others(data: StudyData, shop: UseCase) -> None:
    budget = shop.features["budget"]
    train = replace(data.train, columns=(budget,), known=data.train.known[["budget"]])
    found = imputation(budget, train)
    assert found
    assert [result.method for result in found.results] == ["constant", "median", "mode"]


def test_columns_without_gaps_or_values_are_left_out(data: StudyData, shop: UseCase, frame: pd.DataFrame) -> None:
    assert imputation(shop.features["visits"], data.train) is None
    empty = study_data(shop, frame.assign(budget_missing=True), MOMENT)
    assert imputation(shop.features["budget"], empty.train) is None
