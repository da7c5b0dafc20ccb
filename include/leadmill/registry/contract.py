"""The model contract: a model loads when every input it needs exists with the same type and encoding."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from leadmill.errors import ModelContractBroken
from leadmill.spec import UseCase
from leadmill.training.inputs import ModelInput, inputs_of


def check_contract(use_case: UseCase, version: str, inputs: Sequence[ModelInput]) -> None:
    """Raise ModelContractBroken unless the use case's features still offer every input; further ones do no harm."""
    offered = {item.name: item for item in inputs_of(use_case.feature_columns)}
    problems = []
    for needed in inputs:
        found = offered.get(needed.name)
        if found is None:
            problems.append(f"input '{needed.name}' is gone")
        elif (found.type, found.encoding) != (needed.type, needed.encoding):
            problems.append(
                f"input '{needed.name}' was {needed.type} ({needed.encoding}), is {found.type} ({found.encoding})"
            )
    if problems:
        raise ModelContractBroken(use_case.name, version, problems)


def inputs_document(inputs: Sequence[ModelInput]) -> list[dict[str, Any]]:
    """The inputs as stored in ``ops.models``."""
    return [asdict(item) for item in inputs]


def inputs_from(document: Sequence[dict[str, Any]]) -> tuple[ModelInput, ...]:
    """The inputs back from ``ops.models``."""
    return tuple(ModelInput(**item) for item in document)
