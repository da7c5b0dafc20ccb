"""Figures and lists as people read them."""

from collections.abc import Sequence
from math import floor, isnan, log10

from leadmill.study.intervals import Rate
from leadmill.training.results import Estimate, Folds

NOTHING = "–"
# A space that does not break the line.
SPACE = "\N{NO-BREAK SPACE}"
INTERVAL = f"[95{SPACE}%]"


def percent(share: float, digits: int = 1) -> str:
    """A share in percent; what is there but rounds to nothing is said to be below the last digit.

    >>> percent(0.3456).replace(SPACE, " "), percent(0.0001).replace(SPACE, " "), percent(0.0).replace(SPACE, " ")
    ('34.6 %', '< 0.1 %', '0.0 %')
    """
    if isnan(share):
        return NOTHING
    least = 10.0**-digits
    return f"<{SPACE}{least:g}{SPACE}%" if 0 < share * 100 < least / 2 else f"{fixed(share * 100, digits)}{SPACE}%"


def fixed(value: float, digits: int) -> str:
    """So many decimals, and no minus before a zero.

    >>> fixed(-0.001, 2), fixed(-0.5, 2)
    ('0.00', '-0.50')
    """
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def number(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, whole numbers whole.

    >>> number(1234.56), number(0.01234), number(7.0), number(-0.5)
    ('1,235', '0.0123', '7', '-0.5')
    """
    if isnan(value):
        return NOTHING
    if value == int(value):
        return f"{int(value):,}"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def of_rate(rate: Rate) -> str:
    """A conversion with its interval."""
    return f"{percent(rate.value)} [{percent(rate.low)[:-2]}, {percent(rate.high)[:-2]}]" if rate.rows else NOTHING


def of_estimate(estimate: Estimate, digits: int = 3) -> str:
    """A figure with its interval, to ``digits`` decimals."""
    if isnan(estimate.value):
        return NOTHING
    return f"{fixed(estimate.value, digits)} [{fixed(estimate.low, digits)}, {fixed(estimate.high, digits)}]"


def of_folds(folds: Folds, digits: int = 3) -> str:
    """Mean and standard deviation over folds."""
    return f"{folds.mean:.{digits}f} ± {folds.std:.{digits}f}"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "column"), counted(2000, "row")
    ('1 column', '2,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def joined(items: Sequence[str], limit: int = 4) -> str:
    """A list in a sentence, at most ``limit`` of its items.

    >>> joined(["a"]), joined(["a", "b", "c"]), joined(list("abcdef"))
    ('a', 'a, b and c', 'a, b, c, d and 2 more')
    """
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit:,} more"
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def short(text: str, width: int = 34) -> str:
    """The text, or its beginning and end, in ``width`` signs: what tells two names apart is often at the end.

    >>> short("e-mails opened in the last 7 days", 22)
    'e-mails ope…ast 7 days'
    """
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[-end:]}"
