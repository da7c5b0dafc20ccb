"""A made-up X Education file: same columns, gaps and dirt as the CRM's export, from a seed."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from leadmill.demo import vocabulary as words
from leadmill.demo.draw import Flags, Floats, Integers, Strings, chance, effect, pick, pick_by, yes_no

if TYPE_CHECKING:
    import pandas as pd

FIRST_NUMBER = 580_000
MEAN_GAP = 8.8
SWAPPED = 0.013

# Log-odds of becoming a customer. Their spread decides how well any model can do: about .90 ROC AUC at best.
BASE = -1.6
ORIGIN_EFFECT = {words.ADD_FORM: 4.5, words.IMPORT: -0.6, words.LANDING: -0.3}
SOURCE_EFFECT = {"Welingak Website": 2.0, "Direct Traffic": -0.3, "Referral Sites": -0.5, "Olark Chat": 1.1}
ENGAGED_EFFECT = 4.1
UNASKED_EFFECT = -2.3
WORKING_EFFECT = 3.7
NO_EMAIL_EFFECT = -1.6
ACTIVITY_EFFECT = {
    "SMS Sent": 1.55,
    "Olark Chat Conversation": -1.6,
    "Converted to Lead": -1.2,
    "Email Bounced": -1.5,
    "Page Visited on Website": -0.5,
    "Had a Phone Conversation": 2.5,
    "Approached upfront": 3.0,
    "": 1.0,
}
MODIFIED_EFFECT = -1.0


def generate(rows: int = 9240, seed: int = 7) -> "pd.DataFrame":
    """``rows`` leads, newest first, every value text and missing ones empty; the same for the same arguments."""
    random = np.random.default_rng(seed)
    numbers = FIRST_NUMBER + np.cumsum(random.geometric(1 / MEAN_GAP, size=rows))
    leads = _draw(random, numbers, np.linspace(0.0, 1.0, rows))
    _add_single_leads(random, leads)
    order = np.arange(rows)[::-1].copy()
    swapped = np.flatnonzero(random.random(max(rows - 1, 0)) < SWAPPED)[::2]
    order[swapped], order[swapped + 1] = order[swapped + 1], order[swapped].copy()
    return leads.iloc[order].reset_index(drop=True)


def later_leads(frame: "pd.DataFrame", new: int, changed: int, seed: int = 7) -> "pd.DataFrame":
    """A later export: ``new`` leads numbered after those of ``frame``, then ``changed`` of its leads as they are now.

    A changed lead was on the website again (more visits, more time); one in three has become a customer meanwhile.
    Raises ValueError when ``frame`` holds fewer leads than are to change.
    """
    import pandas as pd

    random = np.random.default_rng([seed, len(frame)])
    first = frame["Lead Number"].astype(int).max()
    numbers = first + np.cumsum(random.geometric(1 / MEAN_GAP, size=new))
    fresh = _draw(random, numbers, np.ones(new)).iloc[::-1]
    moved = frame.iloc[np.sort(random.choice(len(frame), size=changed, replace=False))].copy()
    visits = moved["TotalVisits"].replace("", "0").astype(int) + random.integers(1, 4, size=changed)
    seconds = moved["Total Time Spent on Website"].astype(int) + random.integers(60, 900, size=changed)
    moved["TotalVisits"], moved["Total Time Spent on Website"] = visits.astype(str), seconds.astype(str)
    moved["Page Views Per Visit"] = _pages(random, np.asarray(visits, dtype=np.float64))
    moved["Last Activity"] = moved["Last Notable Activity"] = "Page Visited on Website"
    moved["Converted"] = np.where(random.random(changed) < 1 / 3, "1", moved["Converted"])
    return pd.concat([fresh, moved], ignore_index=True)


def write_csv(frame: "pd.DataFrame", file: Path) -> Path:
    """Write ``frame`` as the CRM does: UTF-8, commas, lines ending in CR LF."""
    frame.to_csv(file, index=False, lineterminator="\r\n")
    return file


def _draw(random: np.random.Generator, numbers: Integers, time: Floats) -> "pd.DataFrame":
    import pandas as pd

    size = len(numbers)
    origin = pick(random, words.ORIGINS, size)
    source = pick_by(random, words.SOURCES, origin)
    unasked = chance(random, words.UNASKED, origin)
    engaged = chance(random, words.ENGAGED, origin)
    no_email = random.random(size) < 0.08
    activity = pick_by(random, words.ACTIVITIES, origin)
    notable = np.where(chance(random, words.MODIFIED, activity), "Modified", activity).astype(object)
    leads = {name: yes_no(random.random(size) < share) for name, share in words.RARELY_YES.items()}
    leads |= {name: yes_no(np.zeros(size, dtype=bool)) for name in words.ALWAYS_NO}
    leads |= {
        "Prospect ID": _uuids(random, size),
        "Lead Number": numbers.astype(str).astype(object),
        "Lead Origin": origin,
        "Lead Source": source,
        "Do Not Email": yes_no(no_email),
        "Last Activity": activity,
        "Last Notable Activity": notable,
        "Country": np.where(chance(random, words.NO_COUNTRY, origin), "", pick(random, words.COUNTRIES, size)),
        "A free copy of Mastering The Interview": yes_no(chance(random, words.FREE_COPY, origin)),
    }
    leads |= _web_behaviour(random, origin, engaged)
    leads |= _answers(random, origin, unasked)
    working = leads["What is your current occupation"] == words.WORKING_PROFESSIONAL
    log_odds = BASE + ENGAGED_EFFECT * (engaged & (leads["Total Time Spent on Website"] != "0"))
    log_odds += effect(ORIGIN_EFFECT, origin) + effect(SOURCE_EFFECT, source)
    log_odds += UNASKED_EFFECT * unasked + WORKING_EFFECT * working + NO_EMAIL_EFFECT * no_email
    log_odds += effect(ACTIVITY_EFFECT, activity) + MODIFIED_EFFECT * (notable == "Modified")
    converted = (random.random(size) < 1 / (1 + np.exp(-log_odds))).astype(int)
    leads["Converted"] = converted.astype(str).astype(object)
    leads |= _after_contact(random, converted, unasked)
    leads |= _indices(random, converted, time)
    return pd.DataFrame(leads, columns=list(words.COLUMNS), dtype=object)


def _uuids(random: np.random.Generator, size: int) -> Strings:
    # Version 4, as a CRM makes them.
    digits = [random.bytes(16).hex() for _ in range(size)]
    return np.array(
        [f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{'89ab'[int(d[16], 16) % 4]}{d[17:20]}-{d[20:]}" for d in digits], dtype=object
    )


def _web_behaviour(random: np.random.Generator, origin: Strings, engaged: Flags) -> dict[str, Strings]:
    size = len(origin)
    visits = pick(random, words.VISITS, size).astype(float)
    visits[chance(random, words.ZERO_VISITS, origin)] = 0
    outlier = (random.random(size) < 0.0016) & (visits > 0)
    visits[outlier] = np.round(25 + random.exponential(55, size=outlier.sum()))
    browsing = random.gamma(1.25, 230.0, size=size)
    reading = random.normal(1130.0, 350.0, size=size)
    seconds = np.clip(np.where(engaged, reading, browsing), 1, 2280).astype(int)
    seconds[visits == 0] = 0
    visits[chance(random, words.NO_WEB_DATA, origin)] = np.nan
    return {
        "TotalVisits": np.array(["" if np.isnan(v) else str(int(v)) for v in visits], dtype=object),
        "Total Time Spent on Website": seconds.astype(str).astype(object),
        "Page Views Per Visit": _pages(random, visits),
    }


def _pages(random: np.random.Generator, visits: Floats) -> Strings:
    """Pages per visit with at most two decimals: a lead's pages are its visits, or a whole part of them."""
    parts = pick(random, words.VISITS_PER_PAGE_SHARE, len(visits)).astype(float)
    usual = random.random(len(visits)) < 0.95
    parts = np.where(usual, np.maximum(parts, np.ceil(visits / words.USUAL_PAGES)), parts)
    pages = np.round(np.maximum(visits / np.minimum(parts, np.maximum(visits, 1)), 0), 2)
    return np.array(
        ["" if np.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".") for value in pages], dtype=object
    )


def _answers(random: np.random.Generator, origin: Strings, unasked: Flags) -> dict[str, Strings]:
    """What the forms asked; an untouched drop-down says 'Select', a form that never asked leaves a gap."""
    size = len(origin)
    occupation = pick(random, words.OCCUPATIONS, size)
    referred = (origin == words.ADD_FORM) & (random.random(size) < words.WORKING_AMONG_ADD_FORM)
    occupation[referred] = words.WORKING_PROFESSIONAL
    no_field = unasked & chance(random, words.UNASKED_FIELD, origin)
    no_how = unasked & (no_field | chance(random, words.UNASKED_HOW, origin))
    answers = {
        "What is your current occupation": (occupation, unasked, None),
        "What matters most to you in choosing a course": (pick(random, words.MATTERS, size), unasked, None),
        "Specialization": (pick(random, words.SPECIALIZATIONS, size), no_field, words.SELECT_FIELD),
        "City": (pick(random, words.CITIES, size), no_field, words.SELECT_FIELD),
        "How did you hear about X Education": (pick(random, words.HEARD, size), no_how, words.SELECT_HOW),
    }
    written = {}
    for name, (answer, gap, untouched) in answers.items():
        if untouched is not None:
            answer = np.where(chance(random, untouched, origin), words.SELECT, answer)
        written[name] = np.where(gap, "", answer).astype(object)
    return written


def _after_contact(random: np.random.Generator, converted: Integers, unasked: Flags) -> dict[str, Strings]:
    no_tag = unasked & (random.random(len(converted)) < words.NO_TAG_WHEN_UNASKED)
    return {
        "Tags": np.where(no_tag, "", pick_by(random, words.TAGS, converted)),
        "Lead Quality": np.where(no_tag, "", pick_by(random, words.QUALITIES, converted)),
        "Lead Profile": np.where(unasked, "", pick_by(random, words.PROFILES, converted)),
    }


def _indices(random: np.random.Generator, converted: Integers, time: Floats) -> dict[str, Strings]:
    points, shares = zip(*words.INDEX_GAP, strict=True)
    gap = random.random(len(time)) < np.interp(time, points, shares)
    columns = {}
    for name, scores, (low, medium) in (
        ("Activity", words.ACTIVITY_SCORES, words.ACTIVITY_LEVELS),
        ("Profile", words.PROFILE_SCORES, words.PROFILE_LEVELS),
    ):
        score = pick_by(random, scores, converted).astype(int)
        level = np.select([score <= low, score <= medium], [words.LOW, words.MEDIUM], words.HIGH)
        columns[f"Asymmetrique {name} Index"] = np.where(gap, "", level).astype(object)
        columns[f"Asymmetrique {name} Score"] = np.where(gap, "", score.astype(str)).astype(object)
    return columns


def _add_single_leads(random: np.random.Generator, leads: "pd.DataFrame") -> None:
    """One lead each from the junk and once-seen sources, and the one that a quick form added."""
    landed = np.flatnonzero(leads["Lead Origin"] == words.LANDING)
    singles = words.SINGLE_SOURCES if len(landed) >= 1000 else words.SINGLE_SOURCES[: len(landed) // 100]
    rows = random.choice(landed, size=len(singles), replace=False)
    leads.loc[rows, "Lead Source"] = singles
    if len(landed) >= 1000:
        quick = random.choice(np.setdiff1d(landed, rows))
        leads.loc[quick, ["Lead Source", "TotalVisits", "Page Views Per Visit"]] = ""
        leads.loc[quick, "Lead Origin"] = "Quick Add Form"
