"""The scorer gives what the pipeline gives, one at a time and many at once, and its reasons add up."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scorer_support import Made, draw
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from leadmill.registry.champion import Champion
from leadmill.registry.trusted import TRUSTED_TYPES
from leadmill.scoring.predict import predict
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.spec import UseCase
from leadmill.storage import skops_format
from leadmill.training.fitting import CLASSIFY, PREPROCESS
from leadmill.training.inputs import model_frame
from leadmill.training.predict import probabilities

Asked = tuple[Scorer, Champion]
MANY, FEW = 1000, 60


def columns_of(asked: Scorer, frame: pd.DataFrame) -> dict[str, Any]:
    return {item.name: frame[item.name].to_numpy() for item in asked.inputs}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_are_what_the_pipeline_says_of_seen_and_unseen_values(asked: Asked, seed: int) -> None:
    compiled, champion = asked
    new = draw(MANY, seed)
    found = compiled.many(columns_of(compiled, new))
    wanted = probabilities(champion.model, model_frame(new, champion.inputs))
    assert np.abs(found.probability - wanted).max() <= 1e-9
    assert np.unique(wanted).size > 20
    as_lists = compiled.many({name: values.tolist() for name, values in columns_of(compiled, new).items()})
    assert np.array_equal(as_lists.probability, found.probability)


def test_one_is_what_many_say_and_what_the_pipeline_says(asked: Asked, shop: UseCase) -> None:
    compiled, champion = asked
    new = draw(MANY, 2)
    wanted = predict(shop, champion, new)
    for at, row in enumerate(records(new)):
        one = compiled.one(row)
        assert one.probability == pytest.approx(wanted["probability"][at], abs=1e-9)
        assert (one.score, one.band, one.percentile) == (
            wanted["buyer_score"][at], wanted["band"][at], wanted["percentile"][at],
        )  # fmt: skip


def test_base_and_reasons_are_the_score_before_rounding(asked: Asked) -> None:
    compiled, _ = asked
    for row in records(draw(FEW, 3)):
        one = compiled.one(row)
        assert one.base + sum(reason.points for reason in one.reasons) == pytest.approx(
            1000 * one.probability, abs=1e-6
        )
        assert len(one.reasons) == 6
        sizes = [abs(reason.points) for reason in one.reasons[:-1]]
        assert sizes == sorted(sizes, reverse=True)
        assert one.reasons[-1].feature == "other"


def test_batch_and_api_agree_on_reasons(asked: Asked) -> None:
    compiled, champion = asked
    new = draw(MANY, 2)
    found, texts = compiled.batch(pa.Table.from_pandas(new, preserve_index=False))
    explained = [at for at, text in enumerate(texts.to_pylist()) if text is not None]
    boosted_or_linear = champion.candidate != "random_forest"
    assert len(explained) == (MANY if boosted_or_linear else 50)
    lowest = found.probability[explained].min()
    assert (np.delete(found.probability, explained) <= lowest).all()
    rows = records(new)
    for at in explained[:200]:
        one, stored = compiled.one(rows[at]), json.loads(texts[at].as_py())
        assert [reason.sentence for reason in one.reasons] == [reason["sentence"] for reason in stored]
        assert [reason.feature for reason in one.reasons] == [reason["feature"] for reason in stored]
        points = [reason["points"] for reason in stored]
        assert points == pytest.approx([reason.points for reason in one.reasons], abs=1e-5)
        assert one.base + sum(points) == pytest.approx(1000 * one.probability, abs=1e-6)


@pytest.mark.parametrize("candidate", ["logistic_regression", "additive_scorecard"])
def test_linear_contributions_are_coefficient_times_distance_from_the_mean(
    shop: UseCase, champion_of: Made, candidate: str
) -> None:
    champion, new = champion_of(candidate), draw(FEW, 2)
    compiled = scorer(shop, champion)
    model = champion.model
    encoded = model.named_steps[PREPROCESS].transform(model_frame(new, champion.inputs))
    only = model.named_steps[CLASSIFY].calibrated_classifiers_[0]
    terms = -only.calibrators[0].a_ * only.estimator.coef_[0] * (encoded - model.mean_row_)
    names = [
        str(name).split("=")[0].removesuffix("_missing")
        for name in model.named_steps[PREPROCESS].get_feature_names_out()
    ]
    assert compiled.model is not None
    found = compiled.model.contributions(columns_of(compiled, new))
    for at, feature in enumerate(compiled.model.features):
        wanted = terms[:, [place for place, name in enumerate(names) if name == feature]].sum(axis=1)
        assert np.allclose(found[:, at], wanted, rtol=0, atol=1e-9)


def test_the_mean_row_is_kept_with_the_model(champion_of: Made) -> None:
    model = champion_of("logistic_regression").model
    again = skops_format.loads(skops_format.dumps(model), trusted=list(TRUSTED_TYPES))
    assert np.array_equal(again.mean_row_, model.mean_row_)


def test_threads_share_a_scorer(asked: Asked) -> None:
    from concurrent.futures import ThreadPoolExecutor

    compiled, _ = asked
    rows = records(draw(40, 2))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(compiled.one, rows)) == [compiled.one(row) for row in rows]


def test_a_pipeline_of_other_parts_is_asked_itself_and_gives_no_reasons(shop: UseCase, champion_of: Made) -> None:
    given = champion_of("logistic_regression")
    inputs = tuple(item for item in given.inputs if item.type != "category")
    buyers = draw(300, 1)
    label = (buyers["visits"] > 4).astype(int)
    model = make_pipeline(LogisticRegression(max_iter=10_000)).fit(model_frame(buyers, inputs), label)
    champion = replace(given, model=model, inputs=inputs, candidate="external")
    compiled = scorer(shop, champion)
    wanted = probabilities(model, model_frame(buyers, inputs))
    assert np.array_equal(compiled.many(columns_of(compiled, buyers)).probability, wanted)
    one = compiled.one(records(buyers)[0])
    assert (one.probability, one.base, one.reasons) == (pytest.approx(wanted[0], abs=1e-12), one.probability * 1000, ())
    _, texts = compiled.batch(pa.Table.from_pandas(buyers, preserve_index=False))
    assert texts.null_count == len(buyers)


def test_without_a_mean_row_scores_stay_and_reasons_go(shop: UseCase, champion_of: Made) -> None:
    given = champion_of("logistic_regression")
    model = skops_format.loads(skops_format.dumps(given.model), trusted=list(TRUSTED_TYPES))
    del model.mean_row_
    bare, row = scorer(shop, replace(given, model=model)), records(draw(1, 2))[0]
    assert bare.one(row).probability == scorer(shop, given).one(row).probability
    assert bare.one(row).reasons == ()


def test_no_rows_are_no_scores(asked: Asked) -> None:
    compiled, _ = asked
    nobody = draw(10, 1).head(0)
    found, texts = compiled.batch(pa.Table.from_pandas(nobody, preserve_index=False))
    assert len(found.score) == len(texts) == 0
