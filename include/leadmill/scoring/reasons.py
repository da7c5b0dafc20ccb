"""The reasons of one score: the features that moved it most, in score points and in words."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from leadmill.columns import Column
from leadmill.scoring.points import slope
from leadmill.scoring.scored import Reason
from leadmill.scoring.sentences import head, plain, sentence

MOST = 5
OTHER, OTHER_TITLE = "other", "Everything else"


def reasons(
    columns: Sequence[Column],
    flags: Collection[str],
    values: Mapping[str, Any],
    contributions: Sequence[float],
    moved: float,
    base: float,
    scale: int,
) -> tuple[Reason, ...]:
    """The MOST features that moved a score most, most first, then all others together; their points sum to ``moved``.

    ``contributions`` are those of ``columns``, in their order, to the log-odds; ``moved`` is the unrounded score less
    that of ``base``, the probability without contributions; ``flags`` are the flags among the inputs. Of equal ones the
    earlier column comes first.
    """
    each = slope(moved, sum(contributions), base, scale)
    sizes = [abs(one) for one in contributions]
    found = []
    rest = moved
    for at in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)[:MOST]:
        column, points = columns[at], contributions[at] * each
        value = values[column.name]
        filled = column.flag in flags and bool(values[column.flag])
        rest -= points
        said = sentence(head(column, value, filled), points)
        found.append(Reason(column.name, column.title, plain(column, value), points, said))
    return (*found, Reason(OTHER, OTHER_TITLE, None, rest, sentence(OTHER_TITLE, rest)))
