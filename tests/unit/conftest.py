"""A small use case with every kind of feature, and one model per candidate."""

import numpy as np
import pytest
from files_support import IDLE_SNAPSHOT, idle_use_case
from scorer_support import FEATURES, Made, draw

from leadmill.registry.bands import cut_offs, percentile_grid
from leadmill.registry.champion import Champion
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.spec import UseCase
from leadmill.training.candidates import BUILDERS
from leadmill.training.data import rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.inputs import model_frame, model_inputs
from leadmill.training.predict import probabilities

SPEC = (
    """
name: shop
title: Shop
entity: {name: buyer, key: buyer_id, key_type: string}
source: {connection: warehouse, relations: [shop.buyers], watermark: recorded_at, history: snapshot}
label: {name: bought, horizon: none}
model: {candidates: [logistic_regression, additive_scorecard, random_forest, hist_gradient_boosting], metric: pr_auc}
gate: {min_rows: 100, min_positives: 20}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""
    + FEATURES
)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC, IDLE_SNAPSHOT)


@pytest.fixture(scope="session")
def champion_of(shop: UseCase) -> Made:
    """Champion of a candidate, fitted on 800 buyers and frozen on them."""
    buyers = draw(800, 1)
    odds = 0.6 * (buyers["visits"] - 4) + 2.5 * (buyers["channel"] == "mail") - buyers["speed"] - 1.0
    label = (np.random.default_rng(9).random(len(buyers)) < 1 / (1 + np.exp(-odds))).astype(int)
    inputs = model_inputs(shop)
    rows = rows_of(shop, buyers.assign(label=label, weight=1.0), inputs)
    made: dict[str, Champion] = {}

    def champion(candidate: str) -> Champion:
        if candidate not in made:
            model = fit_candidate(candidate, inputs, rows)
            found = probabilities(model, model_frame(buyers, inputs))
            grid = np.asarray(percentile_grid(found))
            made[candidate] = Champion("shop", "1", candidate, model, inputs, cut_offs(found, shop.score.bands), grid)
        return made[candidate]

    return champion


@pytest.fixture(scope="session", params=list(BUILDERS))
def asked(request: pytest.FixtureRequest, shop: UseCase, champion_of: Made) -> tuple[Scorer, Champion]:
    """Every candidate's scorer, and the champion behind it."""
    champion = champion_of(request.param)
    return scorer(shop, champion), champion
