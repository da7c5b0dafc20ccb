"""Fields under other names, and JSON in a query."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from leadmill.api import Alias
from leadmill.serving.alias_request import Renaming, content_of
from leadmill.serving.problems import Fault, Problem

ALIAS = Alias.model_validate(
    {
        "path": "/classify_sample",
        "methods": ["GET"],
        "does": "predict",
        "query": "sample",
        "fields": {"Income": "total_income", "Area": {"feature": "area", "values": {0: "rural", 2: "urban"}}},
    }
)


def payload(found: Any, where: str = "") -> dict[str, Any]:
    renaming = Renaming(ALIAS)
    return renaming.payload(found, renaming.hints(), where)


def asked(query: str) -> Any:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": query.encode()}
    return asyncio.run(content_of(Request(scope), ALIAS, 200))


def test_json_of_the_query_is_read() -> None:
    assert asked(urlencode({"sample": json.dumps({"Income": 1.5, "Area": "ção"})})) == {"Income": 1.5, "Area": "ção"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("sample=1&sample=2", 422),
        ("other=1", 422),
        ("sample={", 400),
        ("sample=NaN", 400),
        ("sample=%FF", 400),
        ("sample=" + "[" * 100, 400),
        ("sample=" + "1" * 300, 414),
    ],
)
def test_what_is_no_json_or_too_long_is_a_typed_error(query: str, status: int) -> None:
    with pytest.raises(Problem) as error:
        asked(query)
    assert error.value.status == status


@pytest.mark.parametrize("code", [2, 2.0, "2"])
def test_codes_are_turned_into_values(code: Any) -> None:
    assert payload({"Income": 5, "Area": code}) == {"total_income": 5, "area": "urban"}


@pytest.mark.parametrize(
    ("found", "pointers"),
    [
        ([], ["/3"]),
        ({"Income": 5, "Area": 1}, ["/3/Area"]),
        ({"Income": 5, "Area": True}, ["/3/Area"]),
        ({"Income": 5, "Area": {}}, ["/3/Area"]),
        ({"Income": 5}, ["/3"]),
        ({"Income": 5, "Area": 0, "a/b": 1}, ["/3/a~1b"]),
    ],
)
def test_faults_point_at_the_clients_own_fields(found: Any, pointers: list[str]) -> None:
    with pytest.raises(Problem) as error:
        payload(found, "/3")
    assert [fault.pointer for fault in error.value.faults] == pointers


def test_few_unknown_fields_of_a_request_are_looked_for(searches: list[str]) -> None:
    renaming = Renaming(ALIAS)
    hints = renaming.hints()
    for number in range(20):
        unknown = {f"field_{number}_{at}": 1 for at in range(30)}
        with pytest.raises(Problem) as error:
            renaming.payload({"Incme": 5, **unknown}, hints)
        assert error.value.faults[0].detail == "unknown field; did you mean 'Income'?"
    assert len(searches) == len(set(searches)) == 100
    assert error.value.faults[-2].detail == "unknown field"


def test_null_says_that_a_value_is_unknown() -> None:
    assert payload({"Income": None, "Area": None}) == {"total_income": None, "area": None}


def test_places_are_translated_back() -> None:
    renaming = Renaming(ALIAS)
    assert renaming.pointer("/payload/total_income") == "/Income"
    assert renaming.pointer("/items/3/payload/area") == "/3/Area"
    told = renaming.told(Problem("invalid", "x", [Fault("/payload/area", "is wrong")]))
    assert [fault.pointer for fault in told.faults] == ["/Area"]
