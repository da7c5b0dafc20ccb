"""The scorer, candidate by candidate: ``python -m benchmarks.scorer`` prints one line of JSON; no server is needed.

The models have the inputs of the use case ``leads`` and are fitted on made-up rows: what they say means nothing, what
they cost does. ``pipeline`` is scikit-learn's own way over a frame, for comparison.
"""

import timeit
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measured import answer
from leadmill.columns import Column
from leadmill.spec import UseCase, load_use_case

USE_CASE, TAUGHT, ASKED, SEED = "leads", 5_000, 30_000, 7
REPEATS, ONES = 5, 50


def measure() -> dict[str, Any]:
    """Per candidate: microseconds of one score with reasons, rows a second of many without and of a batch with them."""
    from leadmill.training.candidates import BUILDERS

    use_case = load_use_case(USE_CASE)
    taught, asked = rows(use_case, TAUGHT), rows(use_case, ASKED)
    return {candidate: _measured(use_case, candidate, taught, asked) for candidate in BUILDERS}


def rows(use_case: UseCase, count: int) -> pd.DataFrame:
    """Made-up prepared features, with a label that follows some of them."""
    random = np.random.default_rng(SEED)
    columns: dict[str, Any] = {"lead_id": np.arange(count), "weight": 1.0}
    for column in use_case.inputs:
        columns[column.name] = _values(column, random, count)
        if column.has_flag:
            columns[column.flag] = random.random(count) < 0.1
    found = pd.DataFrame(columns)
    numbers = found.select_dtypes("number").drop(columns=["lead_id", "weight"])
    signal = ((numbers - numbers.mean()) / numbers.std()).iloc[:, :8].sum(axis=1)
    return found.assign(label=(random.random(count) < 1 / (1 + np.exp(1.5 - signal))).astype(int))


def _values(column: Column, random: np.random.Generator, count: int) -> Any:
    if column.type == "category":
        return random.choice([*column.levels, "unknown"] if column.levels else [f"level_{n}" for n in range(12)], count)
    if column.type == "bool":
        return random.random(count) < 0.3
    if column.type == "ordered":
        return random.integers(0, len(column.levels), count)
    return random.poisson(5, count) if column.type == "int" else random.gamma(2, 10, count)


def _measured(use_case: UseCase, candidate: str, taught: pd.DataFrame, asked: pd.DataFrame) -> dict[str, float]:
    import pyarrow as pa

    from leadmill.registry.champion import Champion
    from leadmill.scoring.scorer import scorer
    from leadmill.training.data import rows_of
    from leadmill.training.fitting import fit_candidate
    from leadmill.training.inputs import model_frame, model_inputs
    from leadmill.training.predict import probabilities

    inputs = model_inputs(use_case)
    model = fit_candidate(candidate, inputs, rows_of(use_case, taught, inputs))
    grid = np.linspace(0, 1, 1001)
    bands = {band: 1 - share for band, share in use_case.score.bands.items()}
    compiled = scorer(use_case, Champion(use_case.name, "1", candidate, model, inputs, bands, grid))
    frame, table = model_frame(asked, inputs), pa.Table.from_pandas(asked, preserve_index=False)
    columns = {item.name: asked[item.name].tolist() for item in inputs}
    entities: Any = asked.head(ONES).to_dict("records")
    return {
        "inputs": len(inputs),
        "one_microseconds": _seconds(lambda: [compiled.one(entity) for entity in entities]) / ONES * 1e6,
        "many_rows_a_second": ASKED / _seconds(lambda: compiled.many(columns)),
        "batch_rows_a_second": ASKED / _seconds(lambda: compiled.batch(table)),
        "pipeline_rows_a_second": ASKED / _seconds(lambda: probabilities(model, frame)),
        "pipeline_one_microseconds": _seconds(lambda: probabilities(model, frame.head(1))) * 1e6,
    }


def _seconds(call: Callable[[], Any]) -> float:
    return median(timeit.repeat(call, number=1, repeat=REPEATS))


def main() -> None:
    answer(measure)


if __name__ == "__main__":
    main()
