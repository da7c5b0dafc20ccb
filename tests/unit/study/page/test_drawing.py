"""Drawings need nothing from outside, follow the page's colours and show names as they are."""

import re

import numpy as np
from matplotlib.figure import Figure

from leadmill.study.page.drawing import ONE, drawn, heat_map, named_rows

HOSTILE = ["<script>alert(1)</script>", "$\\frac{1}", "a & b", "-->"]


def bars(figure: Figure) -> None:
    axes = figure.subplots()
    axes.barh(range(4), [1, 2, 3, 4], color=ONE)
    named_rows(axes, HOSTILE)


def test_a_drawing_is_a_bare_element() -> None:
    svg = drawn("bars", 2.0, bars)
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert "http" not in svg
    assert "xlink" not in svg
    assert "#0a0b" not in svg
    assert "var(--one)" in svg


def test_names_are_shown_and_escaped() -> None:
    svg = drawn("bars", 2.0, bars)
    assert "<script" not in svg
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
    assert "$\\frac{1}" in svg
    assert "a &amp; b" in svg


def test_ids_carry_the_drawings_name_and_references_find_them() -> None:
    svg = drawn("bars", 2.0, bars)
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids
    assert all(one.startswith("bars-") for one in ids)
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= set(ids)


def test_the_same_drawing_is_the_same_text() -> None:
    assert drawn("bars", 2.0, bars) == drawn("bars", 2.0, bars)


def test_a_heat_map_bears_gaps_and_a_hair_above_one() -> None:
    matrix = np.array([[1.0, np.nan, -0.4], [np.nan, 1.0, 1.0000000002], [-0.4, 1.0000000002, 1.0]])
    svg = heat_map("map", ["a", "b", "c"], matrix)
    assert "1.00" in svg
    assert "-0.40" in svg.replace("−", "-")
    assert "nan" not in svg
