"""When a row of a file was recorded, by the rule of the spec's ``source.file.created``."""

import re
from datetime import UTC, datetime

from leadmill.spec import Created

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.0*)?", re.ASCII)


def created_time(rule: Created, value: str | None) -> datetime | None:
    """``epoch`` + number x ``unit``; None where the value is no whole number or the time leaves 2000 to 2200.

    >>> from datetime import timedelta
    >>> created_time(Created(column="No", epoch=EARLIEST, unit="1m"), "90").isoformat()
    '2000-01-01T01:30:00+00:00'
    """
    text = (value or "").strip()
    if not _NUMBER.fullmatch(text):
        return None
    epoch = rule.epoch if rule.epoch.tzinfo else rule.epoch.replace(tzinfo=UTC)
    number = int(text.partition(".")[0])
    steps = (EARLIEST - epoch) / rule.unit, (LATEST - epoch) / rule.unit
    return epoch + number * rule.unit if steps[0] <= number < steps[1] else None
