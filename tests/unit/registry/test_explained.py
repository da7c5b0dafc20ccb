"""The gate's question whether reasons add up."""

from dataclasses import replace

import numpy as np
from scorer_support import draw
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from leadmill.registry.champion import Champion
from leadmill.registry.explained import POINTS, reasons_add_up
from leadmill.scoring.scorer import Scorer
from leadmill.spec import UseCase
from leadmill.training.inputs import model_frame
from leadmill.training.predict import probabilities


def test_they_do_for_every_candidate(asked: tuple[Scorer, Champion], shop: UseCase) -> None:
    _, champion = asked
    buyers = draw(150, 2)
    answers = probabilities(champion.model, model_frame(buyers, champion.inputs))
    rule = reasons_add_up(shop, champion.model, champion.inputs, buyers, answers)
    assert rule.holds
    assert rule.figures["explains"]
    # As if the pipeline answered otherwise than it explains itself.
    off = reasons_add_up(shop, champion.model, champion.inputs, buyers, answers + 1.1 * POINTS / shop.score.scale)
    assert not off.holds


def test_a_pipeline_without_reasons_passes_and_says_so(champion_of: object, shop: UseCase) -> None:
    assert callable(champion_of)
    champion = champion_of("logistic_regression")
    numbers = tuple(item for item in champion.inputs if item.type == "int" and item.name == item.feature)
    model = make_pipeline(LogisticRegression()).fit(draw(50, 1)[["visits"]], np.arange(50) % 2)
    rule = reasons_add_up(shop, model, replace(champion, inputs=numbers).inputs, draw(5, 1), np.zeros(5))
    assert rule.holds
    assert "no reasons" in rule.sentence
