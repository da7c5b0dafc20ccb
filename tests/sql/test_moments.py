"""When features are computed: touched leads, ages, midnights, what becomes visible late. One world, eight windows."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from event_support import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    Fact,
    activity,
    empty_crm,
    execute,
    history,
    leads,
    newest_window,
    outcome,
    ticking,
    times,
    unbalanced_windows,
    version,
)
from support import Row, key, query, show_scores

from leadmill.scoring.publish import publish_scores

QUIET, ACTIVE, WAITING, LOST, SAME_TIME, TURNED, DELETED, REFUSED, RIGHTED, LATE, LATE_AGE, REOPENED = range(1, 13)
EAGER, EARLIER = 20, 21
CROWD, TIED = range(100, 140), range(200, 212)
OPEN = (QUIET, ACTIVE, SAME_TIME, TURNED, REFUSED, RIGHTED, LATE, LATE_AGE, EAGER, EARLIER, *CROWD, *TIED)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
# A day before MIDNIGHT and a minute: its first age comes a minute after it.
EARLY = MIDNIGHT - DAY + MINUTE
SEEN_LATE = MIDNIGHT - 2 * MINUTE
NOON = BEGIN + DAY
WRONG = {"submitted_at": BEGIN - HOUR / 2, "effective_start_date": date(2031, 1, 1)}
RIGHT = {"submitted_at": BEGIN - HOUR / 2}
FIRST, DAILY, AGES, SPOILT, MENDED, IDLE, SECOND, LAST = range(8)
ENDS = (
    BEGIN + 3 * HOUR,
    MIDNIGHT + 5 * MINUTE,
    NOON + 2 * HOUR,
    NOON + 2 * HOUR + 20 * MINUTE,
    NOON + 2 * HOUR + 40 * MINUTE,
    NOON + 3 * HOUR,
    BEGIN + 2 * DAY + 2 * HOUR,
    BEGIN + 8 * DAY + 2 * HOUR,
)


@pytest.fixture(scope="module")
def windows(postgres: dict[str, str]) -> Iterator[list[Row]]:
    """The ledger's row of each of the windows, and their features in the database."""
    arrivals = {
        FIRST: _first(),
        DAILY: [activity(LATE, "chat", MIDNIGHT + 2 * MINUTE)],
        AGES: [
            # Recorded before the window before had ended, and visible only now.
            activity(LATE, "sms_sent", SEEN_LATE - HOUR, SEEN_LATE),
            activity(LATE_AGE, "sms_sent", SEEN_LATE - HOUR, SEEN_LATE),
            activity(ACTIVE, "form_submitted", NOON - 3 * HOUR),
            version(WAITING, NOON - 2 * HOUR),
            version(REFUSED, NOON - HOUR, **WRONG),
        ],
        # Others are touched too: a window is blocked where more than a fifth of its features are not fit.
        SPOILT: [
            version(RIGHTED, NOON + 2 * HOUR + 10 * MINUTE, **WRONG),
            *(activity(number, "chat", NOON + 2 * HOUR + 10 * MINUTE) for number in CROWD[:9]),
        ],
        MENDED: [version(RIGHTED, NOON + 2 * HOUR + 30 * MINUTE, **RIGHT)],
        SECOND: [outcome(REOPENED, "reopened", BEGIN + 2 * DAY - 2 * HOUR)],
    }
    with empty_crm(postgres) as crm:
        found = []
        for window, end in enumerate(ENDS):
            crm.run(*arrivals.get(window, []), until=end)
            found.append(newest_window())
        yield found


def _first() -> list[Fact]:
    told = {*OPEN, LOST, DELETED, REOPENED} - {LATE_AGE, EAGER, *TIED}
    facts = [fact for number in told for fact in ticking(number)]
    for number in TIED:
        versions = [version(number, BEGIN, submitted_at=BEGIN - HOUR / 2, city=city) for city in ("Thane", "Mumbai")]
        facts += versions if number % 2 else versions[::-1]
    facts += [activity(number, "email_opened", BEGIN - 13 * HOUR, BEGIN) for number in (EAGER, *TIED)]
    facts += [version(LATE_AGE, EARLY), activity(WAITING, "form_submitted", BEGIN + HOUR)]
    facts += [outcome(number, "lost", BEGIN + HOUR, BEGIN + 2 * HOUR) for number in (LOST, REOPENED)]
    return [
        *facts,
        # Lost and reopened were recorded at one time, and written in the wrong order.
        outcome(SAME_TIME, "reopened", BEGIN + 2 * HOUR),
        outcome(SAME_TIME, "lost", BEGIN + HOUR, BEGIN + 2 * HOUR),
        # It was lost first, but that was recorded last.
        outcome(TURNED, "reopened", BEGIN + HOUR),
        outcome(TURNED, "lost", BEGIN + HOUR / 2, BEGIN + 2 * HOUR),
        version(DELETED, BEGIN + 2 * HOUR, submitted_at=BEGIN - HOUR / 2, deleted=True),
        # The CRM's clock is behind, by less than a fact may be ahead of its recording.
        version(EAGER, BEGIN, submitted_at=BEGIN + MINUTE / 2),
        # It looked around for days before it left its address.
        activity(EARLIER, "chat", BEGIN - 10 * DAY, BEGIN),
    ]


def test_the_books_balance_in_every_window(windows: list[Row]) -> None:
    assert unbalanced_windows() == []
    first = windows[FIRST]
    assert first["read"] == first["accepted"] == len(_first())
    assert (first["rejected"], first["already_seen"]) == (0, 0)
    assert [window["until"] for window in windows] == list(ENDS)


def test_an_open_lead_has_a_row_when_touched_at_each_age_and_at_the_last_midnight(windows: list[Row]) -> None:
    # Of a window that spans many midnights only the last is looked at; no age is ever left out.
    last = MIDNIGHT + 7 * DAY
    assert times(QUIET) == [BEGIN, MIDNIGHT, NOON, MIDNIGHT + DAY, BEGIN + 7 * DAY, last]
    assert [row["age_days"] for row in history(QUIET)] == [0, 0, 1, 1, 7, 7]
    assert NOON - 3 * HOUR in times(ACTIVE)


def test_windows_without_new_facts_do_the_daily_pass(windows: list[Row]) -> None:
    daily, second = windows[DAILY], windows[SECOND]
    # The one that is touched is counted once.
    assert (daily["accepted"], daily["touched"], daily["appended"]) == (1, len(OPEN), len(OPEN))
    assert {row["event_timestamp"] for row in history(QUIET) if row["window_id"] == DAILY + 1} == {MIDNIGHT}
    assert (windows[LAST]["read"], windows[LAST]["touched"]) == (0, len(OPEN) + 2)
    assert second["touched"] == len(OPEN) + 2


def test_where_time_brings_nothing_the_window_is_closed_at_once(windows: list[Row]) -> None:
    idle = windows[IDLE]
    assert (idle["status"], idle["touched"], idle["prepared"], idle["accepted"]) == ("published", 0, 0, 0)
    assert idle["read"] == idle["already_seen"]


def test_closed_leads_have_no_midnights_and_no_ages(windows: list[Row]) -> None:
    assert times(LOST) == [BEGIN + 2 * HOUR]
    assert times(DELETED) == [BEGIN + 2 * HOUR]
    assert query("SELECT label, closed FROM features.leads_labels WHERE lead_id = %s", [key(DELETED)]) == [
        {"label": None, "closed": True}
    ]


def test_a_reopened_lead_has_them_again(windows: list[Row]) -> None:
    reopened = BEGIN + 2 * DAY - 2 * HOUR
    assert times(REOPENED) == [BEGIN + 2 * HOUR, reopened, BEGIN + 7 * DAY, MIDNIGHT + 7 * DAY]


@pytest.mark.parametrize("number", [SAME_TIME, TURNED])
def test_what_happened_last_says_whether_a_lead_is_open(windows: list[Row], number: int) -> None:
    """Whatever was recorded first, and where both were recorded at one time."""
    assert times(number)[1:] == times(QUIET)[1:]


def test_who_has_no_version_yet_waits(windows: list[Row]) -> None:
    assert [window["waiting"] for window in windows] == [1, 1, 0, 0, 0, 0, 0, 0]
    # Its age counts from the first fact that names it.
    first = BEGIN + HOUR
    assert times(WAITING)[:2] == [NOON - 2 * HOUR, first + DAY]
    assert query("SELECT first_recorded_at FROM features.leads_entities WHERE lead_id = %s", [key(WAITING)]) == [
        {"first_recorded_at": first}
    ]


def test_a_fact_that_becomes_visible_late_is_taken_into_what_follows(windows: list[Row]) -> None:
    """The newest moment, the midnight and the ages after it are computed again; nothing that was stored changes."""
    assert windows[AGES]["already_seen"] == 1
    before, then = DAILY + 1, AGES + 1
    late = {(row["event_timestamp"], row["window_id"]): row["sms_30d"] for row in history(LATE)}
    touched = MIDNIGHT + 2 * MINUTE
    assert late[MIDNIGHT, before] == late[touched, before] == 0
    assert late[MIDNIGHT, then] == late[touched, then] == 1
    age = {(row["event_timestamp"], row["window_id"]): row["sms_30d"] for row in history(LATE_AGE)}
    assert age[SEEN_LATE, then] == 1
    assert (age[EARLY + DAY, before], age[EARLY + DAY, then]) == (0, 1)
    newest = query("SELECT lead_id FROM features.leads_latest WHERE sms_30d > 0 ORDER BY lead_id")
    assert [row["lead_id"] for row in newest] == [key(LATE), key(LATE_AGE)]


def test_touched_leads_do_not_bring_a_midnight_again_that_is_past(windows: list[Row]) -> None:
    """Unless something was recorded before it: imputers would be fitted otherwise than in one window."""
    by_age = [*OPEN, WAITING]
    touched = [ACTIVE, WAITING, REFUSED, LATE, LATE_AGE]
    again = [LATE, LATE_AGE]
    # What LATE_AGE's late fact brings: itself as the newest moment, midnight, and the age that had passed.
    assert windows[AGES]["prepared"] == len(by_age) + len(touched) + len(again)


def test_moments_are_kept_while_a_window_is_in_work(windows: list[Row]) -> None:
    assert query("SELECT count(*) AS n FROM staging.leads_moments") == [{"n": 0}]


def test_of_versions_with_the_same_times_one_counts_however_they_were_written(windows: list[Row]) -> None:
    cities = query("SELECT DISTINCT city FROM features.leads WHERE lead_id = ANY(%s)", [[key(n) for n in TIED]])
    assert len(cities) == 1


def test_accepted_facts_never_make_features_that_are_refused_for_their_times(windows: list[Row]) -> None:
    assert next(row["age_days"] for row in history(EAGER)) == 0
    assert times(EAGER)[0] == times(EARLIER)[0] == BEGIN
    assert history(EARLIER)[0]["hours_to_first_activity"] == -239.5


def test_refused_features_are_kept_whole(windows: list[Row]) -> None:
    (refused,) = query("SELECT * FROM rejected.leads WHERE suite = 'features' AND recorded_at = %s", [NOON - HOUR])
    assert (refused["key"], refused["rules"]) == (key(REFUSED), ["days_to_start: prepared"])
    assert refused["row"]["days_to_start"] > 730
    assert refused["row"]["lead_origin"] == "api"
    assert NOON - HOUR not in times(REFUSED)
    # Its age at noon was refused too; the lead counts once.
    assert (windows[AGES]["refused"], windows[SPOILT]["refused"]) == (1, 1)


def test_refused_features_make_a_lead_stale_until_good_ones_come(windows: list[Row]) -> None:
    """Also where the good ones are those that it had before: they are news after the refused ones."""
    good = {row["event_timestamp"]: row["content_hash"] for row in history(RIGHTED)}
    assert good[NOON] == good[NOON + 2 * HOUR + 30 * MINUTE]
    assert _statuses(QUIET, RIGHTED, REFUSED, LOST) == ["fresh", "fresh", "stale", "closed"]


def _statuses(*numbers: int) -> list[str]:
    """What publishing makes of old scores of these leads."""
    show_scores("leads")
    for number in numbers:
        execute(
            "INSERT INTO scores.leads_rows (generation, lead_id, lead_score, probability, band, percentile, status, "
            "issued_status, model_version, feature_timestamp, scored_at, run_id) "
            "VALUES (1, %s, 100, 0.1, 'A', 1, 'fresh', 'fresh', '1', %s, %s, 'run')",
            [key(number), BEGIN, BEGIN],
        )
    publish_scores(leads(), "nothing-new")
    found = {row["lead_id"]: row["status"] for row in query("SELECT lead_id, status FROM scores.leads")}
    return [found[key(number)] for number in numbers]
