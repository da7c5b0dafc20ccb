"""A world as arrays, and the leads and events that are drawn from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadmill.demo.crm.words import ANY, WORKING
from leadmill.demo.crm.world import CLASSES, HUSHED, REGULAR, Attribute, World
from leadmill.demo.draw import Flags, Floats, Integers

DAY = 86_400
"""Times are whole seconds, ages in the formulas are days."""
NEVER = np.int64(2**62)
"""A time that does not come."""
ABSENT = -1
"""Code of a start date that is not given."""


def _levels(attribute: Attribute) -> tuple[str, ...]:
    return tuple(dict.fromkeys(level for shares in attribute.shares.values() for level in shares))


LEVELS = {attribute.name: _levels(attribute) for attribute in REGULAR.attributes}
ATTRIBUTES = tuple(LEVELS)
START = len(ATTRIBUTES)
"""Column of ``Leads.codes`` with the days from submission to the wished start; the ones before are ATTRIBUTES."""
FILLABLE = tuple(attribute.name for attribute in REGULAR.attributes if attribute.missing)
PARENT = {attribute.name: attribute.parent for attribute in REGULAR.attributes}
KINDS = tuple(kind.name for kind in REGULAR.kinds)
WORKING_CODE = LEVELS["occupation"].index(WORKING)


@dataclass(frozen=True)
class Leads:
    """What the oracle needs of each lead; times in seconds since 1970, NEVER where nothing happens."""

    submitted: Integers
    recorded: Integers
    """First time that the warehouse learned of the lead."""
    codes: Integers
    """(leads, ATTRIBUTES + 1): position in LEVELS, last the days to the wished start or ABSENT."""
    missing: Flags
    """(leads, FILLABLE): not given at submission."""
    filled: Integers
    """When the warehouse learned what was missing."""
    closed: Integers
    """When the lead was won or lost, known or not."""
    deleted: Integers

    def column(self, name: str) -> Integers:
        """Codes of one attribute."""
        return self.codes[:, ATTRIBUTES.index(name)]

    def __len__(self) -> int:
        return len(self.submitted)


@dataclass(frozen=True)
class Events:
    """True activities, ordered by lead; ``pages`` and ``seconds`` are 0 but for visits."""

    lead: Integers
    """Position in Leads."""
    kind: Integers
    """Position in KINDS."""
    occurred: Integers
    recorded: Integers
    pages: Integers
    seconds: Integers

    def where(self, rows: "Flags | Integers") -> "Events":
        """Some of the events."""
        return Events(
            self.lead[rows],
            self.kind[rows],
            self.occurred[rows],
            self.recorded[rows],
            self.pages[rows],
            self.seconds[rows],
        )

    def __len__(self) -> int:
        return len(self.lead)


@dataclass(frozen=True)
class Tables:
    """The figures of a World: ``probability[name]`` is (parent's level, class, level), the others are by class."""

    world: World
    probability: dict[str, Floats]
    expected: Floats
    """(kinds, classes)."""
    fade: Floats
    """(kinds, classes), days."""
    won: Floats
    lost: Floats

    def given_parent(self, name: str, leads: Leads) -> NDArray[np.int64]:
        """Row of ``probability[name]`` for each lead: its parent's level."""
        parent = PARENT[name]
        return leads.column(parent) if parent else np.zeros(len(leads), dtype=np.int64)

    def hushed(self, leads: Leads) -> Floats:
        """(leads, kinds): what is left of each rate after the lead's wishes."""
        left = np.ones((len(leads), len(KINDS)))
        for at, kind in enumerate(self.world.kinds):
            if kind.hushed_by:
                asked = leads.column(kind.hushed_by) == LEVELS[kind.hushed_by].index("Yes")
                left[asked, at] = HUSHED
        return left


def _probability(attribute: Attribute) -> Floats:
    levels = LEVELS[attribute.name]
    parents = LEVELS[attribute.parent] if attribute.parent else (ANY,)
    table = np.zeros((len(parents), CLASSES, len(levels)))
    for row, parent in enumerate(parents):
        for level, share in attribute.shares[parent].items():
            tilt = np.array((attribute.tilt or {}).get(level, (0.0,) * CLASSES))
            tilt = tilt + np.array((attribute.together or {}).get((parent, level), (0.0,) * CLASSES))
            table[row, :, levels.index(level)] = share * np.exp(tilt)
    normalised: Floats = table / table.sum(axis=2, keepdims=True)
    return normalised


def tables(world: World) -> Tables:
    """The arrays of a world."""
    return Tables(
        world,
        {attribute.name: _probability(attribute) for attribute in world.attributes},
        np.array([kind.expected for kind in world.kinds]),
        np.array([kind.fade for kind in world.kinds]),
        np.array(world.won),
        np.array(world.lost),
    )
