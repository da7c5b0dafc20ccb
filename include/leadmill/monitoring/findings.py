"""What one subject's comparison found, and which of it is beyond the thresholds of the spec."""

from dataclasses import dataclass, field

import numpy as np

from leadmill.monitoring import comparison, intervals
from leadmill.monitoring.comparison import Counts
from leadmill.monitoring.profile import Profile
from leadmill.monitoring.reference import Reference
from leadmill.thresholds import Monitor


@dataclass(frozen=True)
class Drift:
    """One row of ``ops.drift`` but for what all rows of a run share."""

    subject: str
    kind: str
    test: str
    rows: int
    entities: int
    judged: bool
    reference_entities: int | None = None
    psi: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    missing: float | None = None
    reference_missing: float | None = None
    missing_p_value: float | None = None
    new_share: float | None = None
    new_levels: dict[str, int] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The finding for people."""
        parts = []
        if "distribution" in self.alarms:
            parts.append(f"its distribution moved (PSI {self.psi:.2f}, p {self.p_value:.1g})")
        if "missing" in self.alarms:
            parts.append(f"missing in {self.missing:.1%} of the rows, in training {self.reference_missing:.1%}")
        if "new_levels" in self.alarms:
            # Not which: a source may put anything into them, and this goes into logs and mails.
            parts.append(f"{self.new_share:.1%} of the rows have an unknown level (see ops.drift.new_levels)")
        return f"{self.subject}: {'; '.join(parts)}, over {self.entities:,} entities"


def standardised(recent: Profile, reference: Profile) -> tuple[Counts, Counts] | None:
    """Counts per bin of both sides, the reference weighed to the recent rows' ages; None where no age has values on
    both.
    """
    seen = sorted({*recent.counts} & {*reference.counts})
    if not seen:
        return None
    observed = sum(np.array(recent.counts[age], dtype=np.float64) for age in seen)
    expected = sum(
        np.array(reference.counts[age]) / sum(reference.counts[age]) * sum(recent.counts[age]) for age in seen
    )
    return np.asarray(observed), np.asarray(expected)


def missing_shares(recent: Profile, reference: Profile) -> tuple[float, float] | None:
    """The shares of missing of both sides, the reference weighed to the recent rows' ages.

    Ages that the reference lacks are left out; None where no age is left.
    """
    rows = {age: _rows(recent, age) for age in sorted(_ages(recent) & _ages(reference))}
    total = sum(rows.values())
    if not total:
        return None
    missing = sum(recent.missing.get(age, 0) for age in rows)
    usual = sum(reference.missing.get(age, 0) / _rows(reference, age) * n for age, n in rows.items())
    return missing / total, usual / total


def compare(subject: str, recent: Profile, entities: int, reference: Reference, limits: Monitor, tests: int) -> Drift:
    """The finding for one feature; ``tests`` is how many tests the run makes in all (Bonferroni).

    Where one side has no value at all, the missing rate alone is judged.
    """
    number = reference.bins.levels is None
    kind, test = ("number", "kolmogorov_smirnov") if number else ("category", "chi_squared")
    rows = sum(_rows(recent, age) for age in _ages(recent))
    shares = missing_shares(recent, reference.profile)
    enough = min(entities, reference.entities) >= limits.min_entities
    if shares is None:
        return Drift(subject, kind, test, rows, entities, False, reference.entities)
    missing, usual = shares
    alpha = limits.p_value / tests
    missing_p = comparison.shares_p_value(missing, usual, entities, reference.entities)
    missed = abs(missing - usual) > limits.missing and missing_p < alpha
    raised = {"distribution": False, "missing": missed, "new_levels": False}
    found, unknown = None, None
    if pair := standardised(recent, reference.profile):
        observed, expected = pair
        # Rows of one entity are not independent: both samples count by their entities, less those without a value.
        n, m = entities * (1 - missing), reference.entities * (1 - usual)
        found = (comparison.numbers if number else comparison.categories)(observed, expected, n, m)
        closed = number or sum(counts[-1] for counts in reference.profile.counts.values()) > 0
        unknown = None if closed else float(observed[-1] / rows)
        raised |= {
            "distribution": found.psi > limits.psi and found.p_value < alpha,
            "new_levels": unknown is not None and _surely_above(limits.new_levels, unknown, entities),
        }
    return Drift(
        subject,
        kind,
        test,
        rows,
        entities,
        enough,
        reference_entities=reference.entities,
        psi=found.psi if found else None,
        statistic=found.statistic if found else None,
        p_value=found.p_value if found else None,
        missing=missing,
        reference_missing=usual,
        missing_p_value=missing_p,
        new_share=unknown,
        alarms=tuple(name for name, beyond in raised.items() if beyond and enough),
    )


def _surely_above(limit: float, share: float, entities: int) -> bool:
    interval = intervals.share(share * entities, entities)
    return interval is not None and interval[0] > limit


def _ages(profile: Profile) -> set[int]:
    return {*profile.counts, *profile.missing}


def _rows(profile: Profile, age: int) -> int:
    return sum(profile.counts.get(age, ())) + profile.missing.get(age, 0)
