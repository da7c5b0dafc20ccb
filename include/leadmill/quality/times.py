"""Text to moments: a time with an offset is taken at its word, one without is local to a time zone."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_PATTERN = (
    r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[ T](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.](?P<fraction>[0-9]{1,6}))?)?"
    r"(?: ?(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?))?)?$"
)
# As far as Postgres goes.
_WIDEST_OFFSET = 15 * 3600 + 59 * 60 + 59
_MICROSECONDS = 1_000_000
# The years 1 to 9999 in microseconds since 1970: in others Postgres writes times in other ways.
_FIRST, _END = -62_135_596_800 * _MICROSECONDS, 253_402_300_800 * _MICROSECONDS
# From then on Arrow no longer moves clocks.
_ARROW_ENDS = 2037


def moment(values: "pa.Array", timezone: str | None) -> "pa.Array":
    """Each as a timestamp in UTC, microseconds; null where it is no date or time, or a local one without a time zone.

    Of a local time that the clocks of the zone show twice or skip, one of the moments around.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    local, offset, zoned = _read(values)
    shifted = pc.subtract(local, pc.cast(offset, pa.duration("us")))
    found = pc.cast(pc.if_else(zoned, shifted, pa.scalar(None, local.type)), pa.timestamp("us", "UTC"))
    if timezone is not None:
        found = pc.coalesce(found, _instant(pc.if_else(zoned, pa.scalar(None, local.type), local), timezone, "latest"))
    microseconds = pc.cast(found, pa.int64())
    known = pc.and_(pc.greater_equal(microseconds, _FIRST), pc.less(microseconds, _END))
    return pc.if_else(known, found, pa.scalar(None, found.type))


def shown_once(values: "pa.Array", timezone: str) -> "pa.Array":
    """Whether a local time exists and exists once (not in the hour that is skipped or repeated); null for others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    local, _, zoned = _read(values)
    local = pc.if_else(zoned, pa.scalar(None, local.type), local)
    return pc.equal(_instant(local, timezone, "earliest"), _instant(local, timezone, "latest"))


def _instant(local: "pa.Array", timezone: str, which: Any) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, late = pa.timestamp("us", "UTC"), pc.greater_equal(pc.year(local), _ARROW_ENDS)
    early = pc.if_else(late, pa.scalar(None, local.type), local)
    found = pc.cast(pc.assume_timezone(early, timezone, ambiguous=which, nonexistent=which), kind)
    if not pc.any(late).as_py():
        return found
    zone, fold = ZoneInfo(timezone), int(which == "latest")
    later = pc.if_else(late, local, pa.scalar(None, local.type)).to_pylist()
    return pc.coalesce(found, pa.array([one and _utc(one.replace(tzinfo=zone, fold=fold)) for one in later], kind))


def _utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _read(values: "pa.Array") -> "tuple[pa.Array, pa.Array, pa.Array]":
    """Local time (null where there is none), offset in microseconds and whether an offset was written."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(values, _PATTERN)
    valid = parts.is_valid().to_numpy(zero_copy_only=False)
    number = {name: _numbers(parts, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    months = ((number["year"] - 1970) * 12 + number["month"] - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]")
    in_month = ((months + 1).astype("datetime64[D]") - days).astype(int)
    valid &= (number["year"] >= 1) & (number["month"] >= 1) & (number["month"] <= 12)
    valid &= (number["day"] >= 1) & (number["day"] <= in_month)
    valid &= (number["hour"] <= 23) & (number["minute"] <= 59) & (number["second"] <= 59)
    offset, fits = _offsets(parts)
    valid &= fits
    fraction = pc.utf8_rpad(pc.coalesce(pc.struct_field(parts, "fraction"), ""), 6, "0")
    seconds = (number["hour"] * 60 + number["minute"]) * 60 + number["second"]
    local = (days + (number["day"] - 1)).astype("datetime64[us]")
    local = local + (seconds * _MICROSECONDS + pc.cast(fraction, pa.int64()).to_numpy()).astype("timedelta64[us]")
    zoned = pc.not_equal(pc.coalesce(pc.struct_field(parts, "offset"), ""), "")
    return pa.array(local, mask=~valid), pa.array(np.where(valid, offset, 0)), zoned


def _numbers(parts: "pa.Array", name: str) -> "NDArray[np.int64]":
    """A part as a number, 0 where it was left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.coalesce(pc.struct_field(parts, name), "")
    written: NDArray[np.int64] = pc.cast(pc.if_else(pc.equal(found, ""), "0", found), pa.int64()).to_numpy()
    return written


def _offsets(parts: "pa.Array") -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
    """Offsets in microseconds, and whether there may be such ones; few are distinct."""
    import numpy as np
    import pyarrow.compute as pc

    encoded = pc.coalesce(pc.struct_field(parts, "offset"), "").dictionary_encode()
    seconds = np.array([_offset_seconds(one) for one in encoded.dictionary.to_pylist()], dtype=np.int64)
    found = seconds[encoded.indices.to_numpy()] if len(seconds) else np.zeros(len(parts), dtype=np.int64)
    return found * _MICROSECONDS, np.abs(found) <= _WIDEST_OFFSET


def _offset_seconds(offset: str) -> int:
    digits = offset.lstrip("+-Z").replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if minutes > 59 or seconds > 59:
        return _WIDEST_OFFSET + 1
    return (-1 if offset.startswith("-") else 1) * (hours * 3600 + minutes * 60 + seconds)
