"""One column: slugs, vocabularies, spellings, ordinals."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from leadmill.columns import Column, slug


def column(**fields: Any) -> Column:
    return Column(**{"name": "x", "title": "X"} | fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flexibility & Convenience", "flexibility_convenience"),
        ("03.Low", "03_low"),
        ("  SMS  Sent ", "sms_sent"),
        ("Email_Opened", "email_opened"),
        ("Thane & Outskirts", "thane_outskirts"),
        ("???", ""),
        ("", ""),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text())
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    found = slug(text)
    assert slug(found) == found
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_a_closed_vocabulary_holds_other_and_what_fills_gaps() -> None:
    levels = ["google", "facebook"]
    assert column(type="category", levels=levels, impute="unknown").vocabulary == (
        "google",
        "facebook",
        "other",
        "unknown",
    )
    assert column(type="category", levels=levels, impute="mode", fill="google").vocabulary == (*levels, "other")
    with_other = ["google", "other"]
    assert column(type="category", levels=with_other, impute="mode", fill="other").vocabulary == tuple(with_other)
    assert column(type="category", impute="unknown").vocabulary == ()


def test_every_spelling_leads_to_its_level() -> None:
    found = column(
        type="ordered",
        levels=["low", "high"],
        aliases={"low": ["03.Low"], "high": ["01.High", "Very HIGH"]},
        impute="knn",
        fill="low",
    )
    assert found.spellings() == {"low": "low", "high": "high", "03_low": "low", "01_high": "high", "very_high": "high"}
    assert [found.ordinal(level) for level in found.levels] == [0, 1]


@pytest.mark.parametrize(
    ("fields", "feature", "flag"),
    [
        ({"type": "int", "impute": "median", "fill": 1}, True, True),
        ({"type": "category", "impute": "unknown"}, True, False),
        ({"type": "category", "known_at": "after_contact"}, False, False),
        ({"type": "bool", "drop": "constant"}, False, False),
    ],
)
def test_features_and_their_flags(fields: dict[str, Any], feature: bool, flag: bool) -> None:
    found = column(**fields)
    assert (found.is_feature, found.has_flag) == (feature, flag)
    assert found.flag == "x_missing"


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("int", "bigint"),
        ("float", "double precision"),
        ("bool", "boolean"),
        ("category", "text"),
        ("ordered", "bigint"),
    ],
)
def test_sql_types(kind: str, sql: str) -> None:
    assert column(type=kind, levels=["low", "high"] if kind == "ordered" else [], drop="not used").sql_type == sql


@pytest.mark.parametrize("name", ["Visits", "1st", "a b", "", "x" * 56, 'x"; drop', "é"])
def test_a_name_is_a_plain_identifier(name: str) -> None:
    with pytest.raises(ValidationError, match="lower-case letters"):
        column(name=name, type="int", drop="x")
