"""When a row of a file was recorded, by the rule of the spec's ``source.file.created``."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from leadmill.columns import slug
from leadmill.layout import Created
from leadmill.spec import UseCase

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.0*)?", re.ASCII)


@dataclass(frozen=True)
class CreatedBy:
    """``epoch`` + number x ``unit``, for whole numbers between ``lowest`` and ``highest`` (None: no bound).

    A number out of bounds makes no time: one wrong number would carry the demo's clock decades ahead.
    """

    created: Created
    lowest: float | None = None
    highest: float | None = None

    def time(self, value: str | None) -> datetime | None:
        """The time; None where the value is no such number or the time leaves 2000 to 2200.

        >>> CreatedBy(Created(column="No", epoch=EARLIEST, unit="1m")).time("90").isoformat()
        '2000-01-01T01:30:00+00:00'
        """
        text = (value or "").strip().removeprefix(self.created.prefix)
        if not _NUMBER.fullmatch(text):
            return None
        number = int(text.partition(".")[0])
        if (self.lowest is not None and number < self.lowest) or (self.highest is not None and number > self.highest):
            return None
        epoch, unit = self.created.epoch, self.created.unit
        epoch = epoch if epoch.tzinfo else epoch.replace(tzinfo=UTC)
        return epoch + number * unit if (EARLIEST - epoch) / unit <= number < (LATEST - epoch) / unit else None


def created_by(use_case: UseCase) -> CreatedBy | None:
    """The rule of ``source.file.created``, with the bounds that the spec declares for its column."""
    rule = use_case.source.file.created if use_case.source.file else None
    if rule is None:
        return None
    column = use_case.features.get(slug(rule.column))
    return CreatedBy(rule, column.min if column else None, column.max if column else None)
