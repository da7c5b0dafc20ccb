"""What a model takes: its input columns, their types and how they are encoded."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from leadmill.columns import Column
from leadmill.spec import UseCase

NUMBERS = frozenset({"int", "float", "ordered"})


@dataclass(frozen=True)
class ModelInput:
    """One input column of a model; ``feature`` is the declared column it belongs to (its own name, or its flag's).

    ``log``: the model takes log(1 + value).
    """

    name: str
    type: str
    encoding: str
    feature: str
    clip: bool = False
    log: bool = False


def model_inputs(
    use_case: UseCase, without: Sequence[str] = (), candidate: str | None = None
) -> tuple[ModelInput, ...]:
    """Inputs of a model of ``use_case`` in the order of the spec, each flag after its column.

    Features named in ``without`` are left out together with their flags; of a declared ``candidate`` so are those that
    it does not take.
    """
    declared = use_case.model.declared.get(candidate or "")
    taken = declared.inputs if declared and declared.inputs else [column.name for column in use_case.inputs]
    return inputs_of([column for column in use_case.inputs if column.name in taken and column.name not in without])


def inputs_of(columns: Sequence[Column]) -> tuple[ModelInput, ...]:
    """Inputs that these columns offer, each flag after its column."""
    found = []
    for column in columns:
        clip, log = column.outliers == "clip", column.transform == "log"
        found.append(ModelInput(column.name, column.type, encoding(column), column.name, clip, log))
        if column.has_flag:
            found.append(ModelInput(column.flag, "bool", "flag", column.name))
    return tuple(found)


def encoding(column: Column) -> str:
    """How the prepared value of ``column`` is to be read; two columns of equal encoding are interchangeable.

    >>> encoding(Column(name="index", title="Index", type="ordered", levels=("low", "high"), impute="knn", fill="low"))
    'ordinal low < high'
    """
    if column.type == "ordered":
        return "ordinal " + " < ".join(column.levels)
    return {"category": "level", "bool": "flag"}.get(column.type, "number")


def model_frame(frame: pd.DataFrame, inputs: Sequence[ModelInput]) -> pd.DataFrame:
    """Exactly the input columns, in order: levels as text, everything else (flags too, as 0 and 1) as float64.

    Raises KeyError when a column is absent and ValueError when a number is not one.
    """
    levels = {item.name for item in inputs if item.type == "category"}
    columns = {
        item.name: frame[item.name].astype(object if item.name in levels else "float64").to_numpy() for item in inputs
    }
    return pd.DataFrame(columns, index=frame.index)
