"""What a client would rather have."""

import pytest

from leadmill.serving.accepted import language, wants_json


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/json;q=0", False),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("text/plain, application/json;q=0.5", False),
        ("application/json;q=much", False),
        (";;,,q=1", False),
    ],
)
def test_json_is_asked_for_by_name(accept: str | None, json: bool) -> None:
    assert wants_json(accept) is json


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        (None, "pt"),
        ("en", "en"),
        ("de", "pt"),
        ("EN-gb", "en"),
        ("pt-BR, en;q=0.9", "pt"),
        ("pt;q=0.1, en;q=0.2", "en"),
        ("en;q=0", "pt"),
        ("*", "pt"),
    ],
)
def test_the_language_is_the_best_liked_of_those_offered(header: str | None, spoken: str) -> None:
    assert language(header, ["pt", "en"]) == spoken
