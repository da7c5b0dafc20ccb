"""Bodies and keys without a server."""

from typing import Any

import pytest
from support import x_education

from leadmill.serving.body import Keys, parse
from leadmill.serving.problems import Problem
from leadmill.spec import UseCase


def with_keys(kind: str) -> UseCase:
    use_case = x_education()
    return use_case.model_copy(update={"entity": use_case.entity.model_copy(update={"key_type": kind})})


@pytest.mark.parametrize(
    ("kind", "written", "stored"),
    [
        ("uuid", "7927B2DF-8bba-4d29-b9a2-b6e0beafe620", "7927b2df-8bba-4d29-b9a2-b6e0beafe620"),
        ("int", 1042, 1042),
        ("int", "01042", 1042),
        ("string", "C-1042", "C-1042"),
    ],
)
def test_keys_are_stored_in_one_way(kind: str, written: Any, stored: Any) -> None:
    assert Keys(with_keys(kind)).stored(written) == stored


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("uuid", "7927b2df"), ("uuid", 5), ("uuid", None), ("uuid", "7927b2df-8bba-4d29-b9a2-b6e0beafe620\n"),
        ("int", -1), ("int", True), ("int", 1.0), ("int", 10**18), ("int", "1e3"), ("int", "١"),
        ("string", ""), ("string", "a b"), ("string", "x" * 201), ("string", "';--"), ("string", ["a"]),
    ],
)  # fmt: skip
def test_other_keys_are_refused(kind: str, written: Any) -> None:
    with pytest.raises(ValueError, match="the key is"):
        Keys(with_keys(kind)).stored(written)


def test_what_is_no_json_is_refused() -> None:
    for body in (b"{", b"NaN", b'"\xff"', b"[" * 5000):
        with pytest.raises(Problem) as found:
            parse("application/json; charset=utf-8", body)
        assert found.value.status == 400
    with pytest.raises(Problem) as found:
        parse("text/html", b"{}")
    assert found.value.status == 415
