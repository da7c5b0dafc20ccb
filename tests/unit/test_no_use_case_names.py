"""Shared code knows no use case: none is named in the package outside of the demos, which fill their warehouses."""

import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from leadmill import settings
from leadmill.spec import use_case_names

PACKAGE = settings.ROOT / "include" / "leadmill"
# Also what sales calls those whom it calls: in prose it is a word like others. The other names are nowhere.
WORDS = frozenset({"leads"})
# As a part of a name, a path, an option or an address; or quoted.
_TECHNICAL = r"(?<=[\w./:@\[{{]){name}\b|(?<=--){name}\b|\b{name}(?=[\w/:\]}}]|\.\w)|(['\"`]){name}\1"


def mentions(name: str, text: str, python: bool = True) -> Iterator[int]:
    """Lines of ``text`` that name the use case; of a word of prose, those that do not merely say it."""
    if name not in WORDS:
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"(?<![a-zA-Z]){name}(?![a-zA-Z])", line):
                yield number
    elif python:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            named = token.type == tokenize.NAME and re.search(rf"(?:^|_){name}(?:_|$)", token.string)
            if named or (token.type == tokenize.STRING and _is_technical(name, token.string)):
                yield token.start[0]
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if _is_technical(name, line):
                yield number


def _is_technical(name: str, text: str) -> bool:
    return re.search(_TECHNICAL.format(name=name), text) is not None


@pytest.mark.parametrize("name", use_case_names())
def test_shared_code_names_no_use_case(name: str) -> None:
    found = []
    for file in sorted(
        path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".sql", ".j2", ".js", ".html", ".ini")
    ):
        inside = file.relative_to(PACKAGE)
        if inside.parts[0] == "demo":
            continue
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        found += [f"{inside}:{line}: {lines[line - 1].strip()}" for line in mentions(name, text, file.suffix == ".py")]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "leads = 1\n", "def leads_etl(): ...\n", "load(leads=1)\n", "use_case.leads\n", "x = 'leads'\n",
        'f"features.leads_{a}"\n', "x = 'leads/3'\n", "'include/use_cases/leads'\n", "'''The use case `leads`.'''\n",
        "'SELECT 1 FROM features.leads AS f'\n", "x['leads:x']\n", "'train_leads'\n",
    ],
)  # fmt: skip
def test_a_word_counts_where_it_names_something(text: str) -> None:
    assert list(mentions("leads", text)) == [1]


@pytest.mark.parametrize(
    "text",
    ["'the best leads'\n", "'Leads wait. New leads, too: leads.'\n", "# leads/orders\n", "misleads = 'leads to it'\n"],
)  # fmt: skip
def test_a_word_among_words_does_not(text: str) -> None:
    assert list(mentions("leads", text)) == []


@pytest.mark.parametrize("text", ["# as with fraud\n", "fraud_prior = 1\n", "'of fraud, too'\n"])
def test_other_names_count_anywhere(text: str) -> None:
    assert list(mentions("fraud", text)) == [1]
    assert list(mentions("fraud", "defrauded, fraudulent\n")) == []
