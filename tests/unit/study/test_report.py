"""The whole page: every section, nothing from outside, no key, no markup from data."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from study_support import HOSTILE, MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import StudyData, study_data
from leadmill.study.report import SECTIONS, study_page

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails on one that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def text(data: StudyData, told: list[tuple[str, float]]) -> str:
    return study_page(data, lambda what, done: told.append((what, done)))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_section_is_there_with_findings_and_figures(page: Page, text: str) -> None:
    assert page.headings == list(SECTIONS)
    for part in text.split("<section")[1:]:
        assert '<p class="finding">' in part
        assert "<figure>" in part or "<table>" in part
    assert "All of this is made up." in text


def test_nothing_comes_from_outside(page: Page, text: str) -> None:
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(page.elements)
    assert not re.search(r"https?:|//\w|@import|javascript:", text)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    assert {value[0] for name, value in page.attributes if name == "href"} == {"#"}


def test_ids_are_unique_and_links_find_them(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {value[1:] for name, value in page.attributes if name == "href"} <= set(page.ids)


def test_what_the_data_says_is_escaped(text: str) -> None:
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert HOSTILE not in text
    assert "Shop &amp; &lt;Sons&gt;" in text
    assert "Spend $x$ &lt;b&gt;" in text


def test_no_entity_is_named(text: str) -> None:
    assert "buyer-0" not in text


def test_progress_rises(text: str, told: list[tuple[str, float]]) -> None:
    assert [what for what, _ in told] == list(SECTIONS)
    assert [done for _, done in told] == sorted(done for _, done in told)


def test_columns_that_hold_nothing_break_nothing(shop: UseCase, frame: pd.DataFrame) -> None:
    poor = frame.assign(
        spend_missing=True, budget=1.0, budget_missing=False, visits=0, channel="unknown", shop="north", interest=1
    )
    found = Page(study_page(study_data(shop, poor, MOMENT)))
    assert found.headings == list(SECTIONS)
