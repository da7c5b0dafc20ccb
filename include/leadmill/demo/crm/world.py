"""The world behind the simulated CRM: three hidden classes of intent, and what each of them does.

A lead's class is never seen. Attributes, missing ones included, are drawn given the class; activities of each kind
are Poisson processes given the class, fading with age; from its second day on a lead is won or lost at constant
hazards. So the true probability of winning given any history has a closed form (see posterior.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from leadmill.demo.crm import words
from leadmill.demo.crm.words import ANY, MISSING, Shares

PerClass = tuple[float, float, float]
"""One figure for each class: cold, warm, hot."""

CLASSES = 3


@dataclass(frozen=True)
class Attribute:
    """A categorical attribute: P(level | parent's level, class) is proportional to share x exp(tilt).

    ``parent`` names an earlier attribute, None stands for none. ``together`` tilts a pair (parent's level, level)
    further. ``missing`` is set for an attribute that may be filled in later: the probability that it is not given at
    submission; elsewhere being missing is a level like any other.
    """

    name: str
    shares: Mapping[str, Shares]
    parent: str | None = None
    tilt: Mapping[str, PerClass] | None = None
    together: Mapping[tuple[str, str], PerClass] | None = None
    missing: PerClass | None = None


@dataclass(frozen=True)
class Kind:
    """An activity: ``expected`` events in an endless life, fading as exp(-age / ``fade`` days).

    ``hushed_by`` names the attribute whose 'Yes' leaves only HUSHED of them.
    """

    name: str
    expected: PerClass
    fade: PerClass
    hushed_by: str | None = None


@dataclass(frozen=True)
class World:
    """Everything that differs between worlds; figures by class, hazards per day."""

    classes: PerClass
    """Shares."""
    attributes: tuple[Attribute, ...]
    start_missing: PerClass
    """Probability that no wished start is given; where it is, it lies a geometric number of days ahead ..."""
    start_days: PerClass
    """... with about this mean."""
    kinds: tuple[Kind, ...]
    pages: PerClass
    """Mean pages of a visit beyond the first: Poisson."""
    log_seconds: PerClass
    """Mean of the logarithm of a visit's seconds: normal."""
    won: PerClass
    lost: PerClass
    form_effect: float
    """What each counted form of the first day adds to the log hazard of winning, for working professionals."""


VISIT, FORM = "web_visit", "form_submitted"
LOG_SECONDS_SPREAD = 0.6
HUSHED = 0.15
FORMS_COUNTED = 2
"""More forms than these on the first day add nothing to the hazard of winning."""

QUIET_DAYS = 1.0
"""Nobody is won or lost in the first day."""
LAST_DAY = 120.0
"""Who is still open at this age stays open."""
HORIZON_DAYS = 30.0

# Delays of recording are a matter of the systems, never of the lead.
LATE_SHARE, PROMPT_DAYS, LATE_DAYS = 0.04, 5 / 1440, 1.0
LEAD_LATE_SHARE, LEAD_PROMPT_DAYS, LEAD_LATE_DAYS = 0.03, 2 / 1440, 0.25
OUTCOME_DAYS, OUTCOME_LIMIT_DAYS = 1.5, 6.5
FILLED_SHARE, FILLED_DAYS = 0.4, 5.0
# About half of those are won or lost before.
DELETED_SHARE, DELETED_DAYS = 0.01, 20.0
REOPENED_SHARE, REOPENED_DAYS = 0.01, 10.0

# Few attributes and kinds of activity say much and the others little; sharp classes, or as much said in many small
# hints, would lift the oracle above what a model can learn from 20,000 leads.
_ATTRIBUTES = (
    Attribute(
        "origin",
        {ANY: words.ORIGINS},
        tilt={words.ADD_FORM: (-0.35, 0.05, 0.4), words.IMPORT: (0.25, 0.0, -0.35), words.API: (0.05, 0.0, -0.05)},
    ),
    Attribute(
        "source",
        words.SOURCES,
        "origin",
        tilt={
            words.REFERENCE: (-0.15, 0.05, 0.2),
            "Welingak Website": (-0.2, 0.0, 0.2),
            words.FACEBOOK: (0.15, 0.0, -0.2),
        },
        together={(words.LANDING, words.GOOGLE): (-0.05, 0.0, 0.1)},
    ),
    Attribute(
        "occupation",
        words.OCCUPATIONS,
        "source",
        tilt={words.WORKING: (-0.85, 0.1, 0.85), "Student": (0.4, 0.0, -0.45)},
        together={
            (words.REFERENCE, words.WORKING): (-0.4, 0.0, 0.55),
            (words.FACEBOOK, words.WORKING): (0.3, 0.0, -0.45),
        },
        missing=(0.45, 0.22, 0.08),
    ),
    Attribute(
        "country",
        words.COUNTRIES,
        "origin",
        tilt={MISSING: (0.1, 0.0, -0.1), "United States": (0.05, 0.0, -0.05)},
        together={(words.LANDING, "United Arab Emirates"): (-0.15, 0.0, 0.2)},
    ),
    Attribute(
        "city",
        words.CITIES,
        "country",
        tilt={"Mumbai": (-0.05, 0.0, 0.05), "Tier II Cities": (0.1, 0.0, -0.1)},
        missing=(0.35, 0.25, 0.12),
    ),
    Attribute(
        "specialization",
        {ANY: words.SPECIALIZATIONS},
        tilt={MISSING: (0.3, 0.0, -0.4), "Finance Management": (-0.05, 0.0, 0.05)},
    ),
    Attribute("do_not_email", {ANY: words.YES_NO}, tilt={"Yes": (-2.2, -2.8, -3.4)}),
    Attribute("do_not_call", {ANY: words.YES_NO}, tilt={"Yes": (-3.6, -4.0, -4.4)}),
    Attribute(
        "activity_index",
        {ANY: words.INDEX},
        tilt={
            "01.High": (-1.15, 0.1, 1.1),
            "02.Medium": (0.85, 1.1, 0.55),
            "03.Low": (0.15, -0.85, -1.55),
            MISSING: (0.55, 0.0, -0.55),
        },
    ),
    Attribute(
        "profile_index",
        {ANY: words.INDEX},
        tilt={"01.High": (0.05, 0.25, 0.4), "02.Medium": (0.35, 0.4, 0.3), "03.Low": (-0.4, -0.7, -0.85)},
    ),
)

_KINDS = (
    Kind("email_opened", (2.4, 2.7, 2.9), (8.0, 8.0, 8.0), "do_not_email"),
    Kind("email_link_clicked", (0.21, 0.69, 1.25), (6.0, 6.0, 6.0), "do_not_email"),
    Kind(FORM, (0.2, 0.56, 1.12), (0.5, 0.5, 0.5)),
    Kind("chat", (0.8, 0.92, 0.98), (2.0, 2.0, 2.0)),
    Kind("phone_conversation", (0.21, 0.7, 1.57), (5.0, 5.0, 5.0), "do_not_call"),
    Kind("sms_sent", (1.3, 1.36, 1.4), (10.0, 10.0, 10.0)),
    Kind("unsubscribed", (0.1, 0.08, 0.07), (10.0, 10.0, 10.0)),
    Kind(VISIT, (2.45, 4.0, 5.9), (4.0, 5.0, 6.0)),
)

REGULAR = World(
    classes=(0.59, 0.255, 0.155),
    attributes=_ATTRIBUTES,
    start_missing=(0.25, 0.2, 0.12),
    start_days=(60.0, 50.0, 40.0),
    kinds=_KINDS,
    pages=(1.9, 2.2, 2.5),
    log_seconds=(4.65, 4.8, 4.95),
    won=(0.0009, 0.016, 0.10),
    lost=(0.046, 0.030, 0.003),
    form_effect=0.3,
)


def _equally(kind: Kind, expected: float) -> Kind:
    return replace(kind, expected=(expected, expected, expected))


def _drifted(world: World) -> World:
    origin, source, occupation, *others = world.attributes
    bought = {words.IMPORT: (-2.2, 0.2, 2.2), words.QUICK: (1.0, 0.0, -1.0)}
    return replace(
        world,
        classes=(0.65, 0.225, 0.125),
        attributes=(
            replace(
                origin,
                shares={ANY: words.ORIGINS | {words.IMPORT: 0.6, words.QUICK: 0.12}},
                tilt={**(origin.tilt or {}), **bought},
            ),
            source,
            replace(occupation, missing=(0.7, 0.5, 0.35)),
            *others,
        ),
        kinds=tuple(_equally(kind, 0.35 * kind.expected[0]) for kind in world.kinds),
        won=(0.0012, 0.016, 0.08),
        lost=(0.046, 0.035, 0.01),
    )


DRIFTED = _drifted(REGULAR)
"""Leads are bought: many more imports and missing occupations. They hardly come to the website, whether they mean it or
not; their origin, of which little was seen before, now says most about them.
"""
WORLDS = (REGULAR, DRIFTED)
"""In the order of sim.truth.regime; their attributes have the same levels."""
