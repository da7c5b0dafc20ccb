"""Names that one part of a spec says of another: declared candidates, baselines, routes and decisions."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from leadmill.spec import UseCase


class Stray(NamedTuple):
    """Where something is named that is not there, what is allowed in its place, and the valid names."""

    path: str
    found: object
    allowed: str
    known: Iterable[str] = ()


def stray_names(use_case: "UseCase") -> Iterator[Stray]:
    """Everything that is named and not there."""
    inputs = [column.name for column in use_case.inputs]
    named = {f"model.declared.{name}.inputs": one.inputs for name, one in use_case.model.declared.items()}
    named["model.baselines"] = use_case.model.baselines
    for path, features in named.items():
        yield from (Stray(path, one, "an input of the model", inputs) for one in features if one not in inputs)
    for number, alias in enumerate(use_case.api.aliases):
        path = f"api.aliases.{number}"
        for name, field in alias.fields.items():
            # One that is dropped may be sent, as by clients of another API, and is ignored.
            if field.feature not in use_case.features:
                yield Stray(f"{path}.fields.{name}", field.feature, "a feature", use_case.features)
        if alias.sentences and use_case.decision is None:
            yield Stray(f"{path}.sentences", "sentences", "sentences where the spec has a 'decision' to be told")
    if use_case.classes:
        binary = {
            "decision": use_case.decision,
            "model.declared": use_case.model.declared,
            "model.baselines": use_case.model.baselines,
        }
        yield from (Stray(path, use_case.task, f"'{path}' with 'task: binary'") for path, one in binary.items() if one)
