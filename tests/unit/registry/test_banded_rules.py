"""What the gate asks of a challenger that predicts bands."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadmill.errors import ModelUnfit
from leadmill.registry import banded_rules
from leadmill.registry.external import register
from leadmill.spec import UseCase, load_use_case
from leadmill.training.banded_metrics import BandPredictions
from leadmill.training.data import Rows
from leadmill.training.edges import Edges
from leadmill.training.results import Estimate, Holdout

EDGES = Edges(("low", "middle", "high"), (10.0, 20.0), 0.0, 60.0)


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case("x_education")


def held(**figures: tuple[float, float, float]) -> Holdout:
    return Holdout("any", 0.3, {name: Estimate(*figure) for name, figure in figures.items()})


def drawn(size: int) -> tuple[Rows, np.ndarray]:
    """Rows whose bands are drawn with the probabilities beside them."""
    random = np.random.default_rng(3)
    asked = random.dirichlet(np.ones(3), size)
    y = (random.random(size)[:, np.newaxis] > np.cumsum(asked, axis=1)).sum(axis=1)
    value = np.array([5.0, 15.0, 30.0])[y]
    rows = Rows(pd.DataFrame(index=range(size)), y, np.ones(size), np.arange(size), value=value, edges=EDGES)
    return rows, asked


def test_probabilities_must_say_more_than_shares() -> None:
    rows, _ = drawn(900)
    even = float(np.log(3))
    assert banded_rules.knows_more_than_shares(rows, rows, held(log_loss=(even - 0.1,) * 3)).holds
    found = banded_rules.knows_more_than_shares(rows, rows, held(log_loss=(even + 0.1,) * 3))
    assert not found.holds
    assert found.figures["shares_log_loss"] == pytest.approx(even, abs=0.02)


@pytest.mark.parametrize(("f1", "wape", "holds"), [(0.6, 0.2, True), (0.4, 0.2, False), (0.6, 0.4, False)])
def test_neither_figure_may_be_worse_than_saying_the_last_again(f1: float, wape: float, holds: bool) -> None:
    found = held(macro_f1=(f1,) * 3, wape=(wape,) * 3)
    assert banded_rules.better_than_last(found, {"macro_f1": 0.5, "wape": 0.3}).holds is holds


def test_every_class_is_asked_for_its_calibration(use_case: UseCase) -> None:
    rows, asked = drawn(4000)
    assert banded_rules.every_class_calibrated(use_case, rows, BandPredictions(rows.y, asked)).holds
    shifted = np.column_stack([asked[:, 0] * 0.7, asked[:, 1] + asked[:, 0] * 0.3, asked[:, 2]])
    found = banded_rules.every_class_calibrated(use_case, rows, BandPredictions(rows.y, shifted))
    assert not found.holds
    assert found.sentence.startswith("class low: ")
    assert set(found.figures["classes"]) == set(EDGES.names)


@pytest.mark.parametrize(
    ("coverage", "holds"),
    [((0.8, 0.77, 0.83), True), ((0.72, 0.68, 0.76), True), ((0.7, 0.66, 0.74), False), ((0.9, 0.86, 0.94), False)],
)
def test_intervals_hold_what_they_are_made_for(coverage: tuple[float, float, float], holds: bool) -> None:
    assert banded_rules.intervals_hold(held(coverage=coverage)).holds is holds


def test_a_model_from_elsewhere_has_no_bands() -> None:
    with pytest.raises(ModelUnfit, match="predicts classes"):
        register(load_use_case("tpv"), Path("model.skops"), "key", "somebody", "why")
