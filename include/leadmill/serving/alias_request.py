"""Requests of the routes that a spec declares: JSON in the body or in the query, fields under other names."""

import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from leadmill.api import Alias
from leadmill.errors import nearest
from leadmill.serving.body import invalid, parse
from leadmill.serving.hints import Hints
from leadmill.serving.problems import Fault, Problem

_SHOWN = 100
_POINTER = re.compile(r"(?:/items/(\d+))?/payload/([^/]*)")


async def content_of(request: Request, alias: Alias, longest: int) -> Any:
    """The JSON that a request brings, from its body or, where the alias names a parameter, from its query.

    Raises Problem: 400 where it is no JSON, 414 where the query is longer than ``longest`` bytes, 415, and 422 where
    the parameter is not there once.
    """
    if alias.query is None:
        return parse(request.headers.get("content-type"), await request.body())
    if len(request.scope["query_string"]) > longest:
        raise Problem("uri-too-long", f"The query is longer than {longest:,} bytes; the usual routes take a body.")
    given = request.query_params.getlist(alias.query)
    if len(given) != 1:
        raise invalid(Fault("", f"the query has one parameter '{alias.query}', which holds JSON; found {len(given)}"))
    return parse(None, given[0].encode())


class Renaming:
    """Fields of an alias to features and back."""

    def __init__(self, alias: Alias) -> None:
        self._fields = alias.fields
        self._codes = {
            name: {str(code): value for code, value in field.values.items()} for name, field in alias.fields.items()
        }
        self._names = {field.feature: name for name, field in alias.fields.items()}

    def hints(self) -> Hints:
        """Hints for the unknown fields of one request."""
        return Hints(self._hint)

    def payload(self, found: Any, hints: Hints, where: str = "") -> dict[str, Any]:
        """The payload that an object of the request means. Raises Problem (422)."""
        if not isinstance(found, dict):
            raise invalid(Fault(where, "an object of features is needed here"))
        if not self._fields:
            return found
        faults = [
            Fault(f"{where}/{_escaped(name)}", f"unknown field{hints.of(name)}")
            for name in found
            if name not in self._fields
        ]
        missing = [name for name in self._fields if name not in found]
        if missing:
            faults.append(Fault(where, f"{_listed(missing)} missing; null says that a value is unknown"))
        payload = {}
        for name in self._fields.keys() & found.keys():
            value = found[name]
            codes = self._codes[name]
            if codes and value is not None:
                value = codes.get(_code(value))
                if value is None:
                    faults.append(Fault(f"{where}/{name}", f"one of {', '.join(codes)} is needed here"))
            payload[self._fields[name].feature] = value
        if faults:
            raise invalid(*faults)
        return payload

    def told(self, problem: Problem) -> Problem:
        """The problem with places named as the client named them."""
        if not problem.faults:
            return problem
        return invalid(*(Fault(self.pointer(one.pointer), one.detail) for one in problem.faults))

    def pointer(self, pointer: str) -> str:
        """The place in the client's JSON that a place in the usual body of a request stands for.

        Of ``/items/3/payload/total_income`` that is ``/3/TotalIncome``.
        """
        found = _POINTER.fullmatch(pointer)
        if not found:
            return pointer
        number, feature = found.groups()
        return ("" if number is None else f"/{number}") + f"/{self._names.get(feature, feature)}"

    def _hint(self, name: str) -> str:
        near = nearest(name, self._names.values())
        return f"; did you mean '{near}'?" if near else f"; known are {', '.join(self._names.values())}"


def _code(value: Any) -> str:
    """A code as it is written in the spec: 2, 2.0 and "2" are one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _escaped(name: str) -> str:
    return name[:_SHOWN].replace("~", "~0").replace("/", "~1")
