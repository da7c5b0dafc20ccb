"""Raw text to typed values: what counts as missing, as a number, a truth, a level."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from leadmill.columns import Column, slug
from leadmill.quality import values


def column(kind: str, **more: Any) -> Column:
    return Column(**{"name": "x", "title": "X", "type": kind, "drop": "not used"} | more)


def prepared(of: Column, raw: list[str | None]) -> list[Any]:
    """The raw texts as values of the column's type."""
    return values.prepared(of, values.given(pa.array(raw, pa.string()), of.missing)).to_pylist()


def given_of(missing: list[str], raw: list[str | None]) -> list[Any]:
    return values.given(pa.array(raw, pa.string()), missing).to_pylist()


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("int", " 12 ", 12), ("int", "-3", -3), ("int", "+4", 4), ("int", "7.0", 7), ("int", "7.", 7),
        ("int", "", None), ("int", "  ", None), ("int", None, None), ("int", "7.5", None), ("int", "1e3", None),
        ("int", "0x10", None), ("int", "1,000", None), ("int", "9" * 15, 999999999999999),
        ("int", "9" * 16, None), ("int", "٣", None), ("int", "1\n", 1), ("int", "--1", None),
        ("float", "1.5", 1.5), ("float", "0.30000000000000004", 0.30000000000000004),
        ("float", "-1.2345678901234567e-05", -1.2345678901234567e-05), ("float", "9" * 15, 999999999999999.0),
        ("float", ".5", 0.5), ("float", "1e3", 1000.0), ("float", "1E-2", 0.01),
        ("float", "1e99", 1e99), ("float", "1e999", None), ("float", "NaN", None), ("float", "Infinity", None),
        ("float", ".", None), ("float", "1.5.2", None), ("float", "9999-12-31", None),
        ("bool", "Yes", True), ("bool", " no ", False), ("bool", "TRUE", True), ("bool", "0", False),
        ("bool", "1.0", True), ("bool", "maybe", None), ("bool", "", None),
    ],
)  # fmt: skip
def test_text_becomes_a_value_or_nothing(kind: str, raw: str | None, expected: object) -> None:
    # btrim takes spaces only, so a line break stays and the text is no number.
    expected = None if raw == "1\n" else expected
    assert prepared(column(kind), [raw]) == [expected]


def test_missing_markers_count_whatever_their_case() -> None:
    found = given_of(["Select", "n/a"], ["Select", " sELECT ", "N/A", "Selected"])
    assert found == [None, None, None, "Selected"]


def test_levels_aliases_and_what_is_neither() -> None:
    closed = column(
        "category",
        levels=["google", "blog", "direct_traffic"],
        aliases={"blog": ["welearnblog_Home", "WeLearn"]},
        missing=["Select"],
    )
    raw = [
        "Google",
        "google",
        "Direct Traffic",
        "WELEARN",
        "welearnblog_Home",
        "testone",
        "Москва",
        "Select",
        "!!!",
        None,
    ]
    expected = ["google", "google", "direct_traffic", "blog", "blog", "other", "other", None, None, None]
    assert prepared(closed, raw) == expected
    assert prepared(column("category"), ["Any Thing", "a_b"]) == ["any_thing", "a_b"]


def test_ordered_levels_become_their_position() -> None:
    index = column("ordered", levels=["low", "medium", "high"], aliases={"low": ["03.Low"], "high": ["01.High"]})
    assert prepared(index, ["03.Low", "Medium", "01.high", "02.Medium", ""]) == [0, 1, 2, None, None]


@pytest.mark.parametrize("marker", ["it's", "a:b", ":since", "100%", "%s", "\\", "{x}", "$1", "a\\:b"])
def test_a_marker_of_the_spec_is_only_ever_text(marker: str) -> None:
    assert given_of([marker], [marker, "other"]) == [None, "other"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(max_codepoint=0x24F, exclude_characters="\x00İ", exclude_categories=["Cs"])), min_size=1
    )
)
def test_a_slug_of_a_column_is_the_slug_of_its_levels(raw: list[str]) -> None:
    expected = [slug(one) or ("other" if any(sign.isalpha() for sign in one) else None) for one in raw]
    assert values.canonical(values.given(pa.array(raw, pa.string()))).to_pylist() == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_no_text_makes_a_reading_fail(raw: list[str]) -> None:
    for kind in ("int", "float", "bool", "category", "timestamp"):
        assert len(prepared(column(kind), list(raw))) == len(raw)
