"""Every feature of `leads` once more, in plain loops over the facts themselves: what the pipeline must agree with."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from event_support import DAY, MINUTE, Fact
from support import Row

BERLIN = ZoneInfo("Europe/Berlin")
KINDS = (
    "email_opened", "email_link_clicked", "form_submitted", "chat", "phone_conversation", "sms_sent", "unsubscribed",
)  # fmt: skip
SOURCES = {
    "google", "direct_traffic", "olark_chat", "organic_search", "reference", "welingak_website", "referral_sites",
    "facebook",
}  # fmt: skip
ORIGINS = {"api", "landing_page_submission", "lead_add_form", "lead_import", "quick_add_form"}
OCCUPATIONS = {"unemployed", "working_professional", "student", "other", "housewife", "businessman"}
INDICES = {"03.Low": 0, "02.Medium": 1, "01.High": 2, "low": 0, "Medium": 1}


@dataclass(frozen=True)
class Known:
    """An accepted fact: its kind, when it happened (UTC) and when it was recorded."""

    kind: str
    happened: datetime
    fact: Fact

    @property
    def recorded_at(self) -> datetime:
        return self.fact.recorded_at


def instant(local: datetime) -> datetime | None:
    """The one moment at which the clocks of Berlin show that time, or None where there is none or two."""
    moments = {local.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return moments.pop() if len(moments) == 1 else None


def broken_rules(fact: Fact) -> set[str]:
    """Names of the rules that the fact breaks, of those that the tests' facts break at all."""
    happened = instant(fact.happened) if fact.table == "web_visits" else fact.happened
    broken = set() if happened else {"occurred_at: local time"}
    if happened and happened > fact.recorded_at + MINUTE:
        broken.add("occurred_at: past")
    if fact.table == "leads" and fact["submitted_at"] and fact["submitted_at"] > fact.recorded_at + MINUTE:
        broken.add("submitted_at: past")
    for name, most in {"pages": 500, "seconds": 86_400}.items():
        if fact.table == "web_visits" and fact[name] is not None and not 0 <= fact[name] <= most:
            broken.add(f"{name}: range")
    return broken


def known(fact: Fact) -> Known:
    """The accepted fact. AssertionError for one that breaks a rule."""
    assert not broken_rules(fact)
    kinds = {"leads": lambda: "lead", "web_visits": lambda: "visit", "activities": lambda: fact["kind"]}
    kind = kinds.get(fact.table, lambda: fact["outcome"])()
    happened = instant(fact.happened) if fact.table == "web_visits" else fact.happened
    assert happened
    return Known(kind, happened, fact)


class Ledger:
    """Facts as windows saw them: of each content the first copy, judged as it was recorded then; a rejected one is
    judged again where a later window has it recorded at another time.
    """

    def __init__(self) -> None:
        self.seen: set[tuple[Any, ...]] = set()
        self.accepted: dict[str, list[tuple[int, Known]]] = {}
        self.rejected: list[tuple[int, Fact]] = []
        self._refused: set[tuple[Any, datetime]] = set()

    def window(self, number: int, visible: Iterable[Fact], since: datetime, until: datetime) -> None:
        """Take in what a window reads: the visible facts recorded in (since, until]."""
        new: dict[tuple[Any, ...], Fact] = {}
        for fact in visible:
            content = (fact.table, fact.values)
            known_already = content in self.seen or (content, fact.recorded_at) in self._refused
            if since < fact.recorded_at <= until and not known_already:
                new[content] = min(new.get(content, fact), fact, key=lambda one: one.recorded_at)
        for content, fact in new.items():
            if broken_rules(fact):
                self.rejected.append((number, fact))
                self._refused.add((content, fact.recorded_at))
            else:
                self.seen.add(content)
                self.accepted.setdefault(fact["lead_id"].lower(), []).append((number, known(fact)))

    def at(self, lead_id: str, moment: datetime, window: int) -> list[Known]:
        """A lead's facts recorded by the moment, of those that windows up to that one had read."""
        facts = self.accepted.get(lead_id, [])
        return [one for number, one in facts if number <= window and one.recorded_at <= moment]

    def first_recorded(self, lead_id: str) -> datetime:
        """As the window saw it that read the lead's first fact."""
        facts = self.accepted[lead_id]
        first = min(number for number, _ in facts)
        return min(one.recorded_at for number, one in facts if number == first)


def is_open(facts: Sequence[Known]) -> bool:
    """Whether the newest thing that happened, of those that open and close a lead, left it open."""
    turns = [
        one for one in facts if one.kind in ("won", "lost", "reopened") or (one.kind == "lead" and one.fact["deleted"])
    ]
    return not turns or max(turns, key=lambda one: (one.happened, one.recorded_at)).kind == "reopened"


def features_at(facts: Sequence[Known], as_of: datetime) -> list[Row]:
    """The features of a lead with these facts: one answer for each version that is equally new, mostly one."""
    versions = [one for one in facts if one.kind == "lead"]
    if not versions:
        return []
    newest = max((one.happened, one.recorded_at) for one in versions)
    acts = [one for one in facts if one.kind == "visit" or one.kind in KINDS]
    acts = [one for one in acts if one.happened <= as_of]
    return [
        {**_of_version(one.fact, as_of), **_of_activity(acts, as_of), **_of_both(one.fact, acts)}
        for one in versions
        if (one.happened, one.recorded_at) == newest
    ]


def _of_version(lead: Fact, as_of: datetime) -> Row:
    submitted, start = lead["submitted_at"], lead["effective_start_date"]
    ahead = _midnight(start) - submitted if start and submitted else None
    return {
        "lead_origin": _level(lead["origin"], ORIGINS),
        "lead_source": _level(lead["source"], SOURCES),
        "country": _level(lead["country"]),
        "city": _level(lead["city"]),
        "occupation": _level(lead["occupation"], OCCUPATIONS),
        "specialization": _level(lead["specialization"]),
        "do_not_email": _truth(lead["do_not_email"]),
        "do_not_call": _truth(lead["do_not_call"]),
        "activity_index": None if lead["activity_index"] is None else INDICES[lead["activity_index"]],
        "profile_index": None if lead["profile_index"] is None else INDICES[lead["profile_index"]],
        "days_to_start": None if ahead is None else _rounded(_seconds(ahead) / 86_400, 3),
        "age_days": None if submitted is None else max(math.floor(_seconds(as_of - submitted) / 86_400), 0),
    }


def _of_activity(acts: Sequence[Known], as_of: datetime) -> Row:
    def within(days: int, *kinds: str) -> list[Known]:
        return [one for one in acts if as_of - one.happened < days * DAY and (not kinds or one.kind in kinds)]

    def total(name: str, days: int) -> int:
        return sum(one.fact[name] or 0 for one in within(days, "visit"))

    def mean(name: str) -> float | None:
        given = [one.fact[name] for one in acts if one.kind == "visit" and one.fact[name] is not None]
        return _rounded(Fraction(sum(given), len(given)), 6) if given else None

    opened = [one for one in acts if one.kind == "email_opened"]
    clicked = [one for one in acts if one.kind == "email_link_clicked"]
    first = min(acts, key=lambda one: (one.happened, one.recorded_at, one.kind), default=None)
    newest = max(((one.happened, one.recorded_at) for one in acts), default=None)
    last = min((one.kind for one in acts if (one.happened, one.recorded_at) == newest), default=None)
    this_week, two_weeks = len(within(7, "visit")), len(within(14, "visit"))
    return {
        **{f"visits_{days}d": len(within(days, "visit")) for days in (1, 7, 30)},
        **{f"seconds_{days}d": total("seconds", days) for days in (7, 30)},
        "pages_30d": total("pages", 30),
        "pages_per_visit": mean("pages"),
        "seconds_per_visit": mean("seconds"),
        "visits_trend": this_week - (two_weeks - this_week),
        **{f"emails_opened_{days}d": len(within(days, "email_opened")) for days in (7, 30)},
        "email_clicks_30d": len(within(30, "email_link_clicked")),
        "click_rate": _rounded(Fraction(len(clicked), len(opened)), 6) if opened else None,
        **{f"forms_{days}d": len(within(days, "form_submitted")) for days in (1, 30)},
        "chats_30d": len(within(30, "chat")),
        "calls_30d": len(within(30, "phone_conversation")),
        "sms_30d": len(within(30, "sms_sent")),
        "unsubscribed": any(one.kind == "unsubscribed" for one in acts),
        **{f"activities_{days}d": len(within(days)) for days in (1, 7)},
        "active_days_30d": len({one.happened.astimezone(UTC).date() for one in within(30)}),
        "days_since_last_activity": _whole_days(acts, as_of),
        "days_since_last_visit": _whole_days([one for one in acts if one.kind == "visit"], as_of),
        "first_touch": first.kind if first else None,
        "last_touch": last,
    }


def _of_both(lead: Fact, acts: Sequence[Known]) -> Row:
    submitted = lead["submitted_at"]
    if submitted is None:
        return {"first_day_forms": 0, "hours_to_first_activity": None}
    early = [one for one in acts if one.kind == "form_submitted" and one.happened < submitted + DAY]
    first = min((one.happened for one in acts), default=None)
    hours = None if first is None else _rounded(_seconds(first - submitted) / 3600, 3)
    return {"first_day_forms": len(early), "hours_to_first_activity": hours}


def differences(found: Row, wanted: Row) -> dict[str, tuple[Any, Any]]:
    """Features that differ: name -> (found, wanted)."""
    return {name: (found[name], value) for name, value in wanted.items() if not _same(found[name], value)}


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and wanted is not None:
        return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-9)
    return bool(found == wanted)


def _level(text: str | None, levels: set[str] | None = None) -> str | None:
    if text is None or text.strip().lower() in ("", "select"):
        return None
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return slug if levels is None or slug in levels else "other"


def _truth(text: str | None) -> bool | None:
    return None if text is None else text.strip().lower() == "yes"


def _seconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1), 1_000_000)


def _rounded(exact: Fraction, digits: int) -> float:
    with localcontext() as context:
        context.prec = 60
        decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
        return float(decimal.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _whole_days(acts: Sequence[Known], as_of: datetime) -> int | None:
    return min((math.floor(_seconds(as_of - one.happened) / 86_400) for one in acts), default=None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def moments_due(facts: Sequence[Known], first: datetime, ages: Iterable[timedelta], until: datetime) -> set[datetime]:
    """When a lead's features must be right at the end of a history read up to ``until``: of that, what is certain.

    The newest recorded time; each age and the last midnight while the lead is open.
    """
    last_midnight = _midnight(until.astimezone(UTC).date())
    passing = {first + age for age in ages} | {last_midnight}
    due = {max(one.recorded_at for one in facts)}
    for moment in passing:
        if first <= moment <= until and is_open([one for one in facts if one.recorded_at <= moment]):
            due.add(moment)
    return due
