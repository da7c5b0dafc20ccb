"""The model contract: a model loads when every input it needs, and each of its classes, exists as it was."""

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


def check_classes(use_case: UseCase, version: str, classes: Sequence[dict[str, Any]] | None) -> None:
    """Raise ModelContractBroken unless the version predicts the classes of the spec; of a binary use case none.

    ``classes`` are those in ``ops.models``.
    """
    known = tuple(one["class"] for one in classes or ())
    if known != use_case.classes:
        told = [", ".join(names) or "none" for names in (known, use_case.classes)]
        raise ModelContractBroken(use_case.name, version, [f"its classes are {told[0]}, those of the spec {told[1]}"])


def inputs_document(inputs: Sequence[ModelInput]) -> list[dict[str, Any]]:
    """The inputs as stored in ``ops.models``."""
    return [asdict(item) for item in inputs]


def inputs_from(document: Sequence[dict[str, Any]]) -> tuple[ModelInput, ...]:
    """The inputs back from ``ops.models``."""
    return tuple(ModelInput(**item) for item in document)
