"""The stage that asks how good the scores were: as they were issued, on the outcomes that have matured since."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from leadmill.clock import source_now
from leadmill.monitoring import alerts, intervals, ranking
from leadmill.monitoring.alerts import Finding
from leadmill.monitoring.banded import FIGURES, banded_figures, intervals_off
from leadmill.monitoring.following import store_following
from leadmill.monitoring.intervals import Interval
from leadmill.monitoring.issued import WINDOWS, judged_scores_sql, matured_after
from leadmill.monitoring.ranking import Probabilities, Ranking, Tenth
from leadmill.monitoring.store import replace_rows
from leadmill.registry.ledger import model
from leadmill.spec import UseCase
from leadmill.storage.database import engine

WATCH = "performance"
_TABLE = "judged_scores"
_FEWEST_POSITIVES = 10


@dataclass(frozen=True)
class BandOutcome:
    """Conversion of a band as issued, with its 95 % interval."""

    band: str
    entities: int
    positives: int
    conversion: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Performance:
    """What a trailing window showed; ``probabilities`` is None where no outcome has matured in it.

    ``banded`` are the figures of predicted bands and values, where a use case has them.
    """

    days: int
    since: datetime
    until: datetime
    ranking: Ranking
    probabilities: Probabilities | None
    tenths: tuple[Tenth, ...]
    bands: tuple[BandOutcome, ...]
    versions: dict[str, int]
    alarms: tuple[str, ...]
    banded: dict[str, float] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What its alerts are about."""
        return f"{self.days} days"

    @property
    def roc_auc_interval(self) -> Interval | None:
        """95 % of the area under the ROC curve."""
        found = self.ranking
        return intervals.roc_auc(found.roc_auc, found.positives, found.n - found.positives) if found.roc_auc else None

    @property
    def gap_interval(self) -> Interval | None:
        """95 % of the mean probability less the conversion."""
        found = self.probabilities
        return intervals.mean(found.gap, found.gap_deviation or 0.0, self.ranking.n) if found else None

    def sentence(self, kind: str) -> str:
        """An alarm for people."""
        n = f"over {self.ranking.n:,} entities scored in {self.days} days"
        if kind == "ranking":
            low, high = self.roc_auc_interval or (0.0, 0.0)
            return (
                f"ROC AUC as issued {self.ranking.roc_auc:.3f} ({low:.3f} to {high:.3f}), far below the holdout's, {n}"
            )
        if kind == "intervals":
            return f"{self.banded['coverage']:.1%} of what came true lay in the issued intervals, made for 80 %, {n}"
        low, high = self.gap_interval or (0.0, 0.0)
        return f"issued probabilities are off by {low:+.3f} to {high:+.3f} on average, {n}"


def watch_performance(use_case: UseCase, run_id: str) -> list[Performance]:
    """Judge the matured scores of each trailing window and how far people follow them; store both under ``run_id``.

    Windows end where every outcome has matured: ``label.matures_after`` before the newest published window's end.
    """
    now = source_now(use_case)
    with engine().begin() as connection:
        verified = connection.execute(
            text("SELECT max(until) FROM ops.windows WHERE use_case = :name AND status = 'published'"),
            {"name": use_case.name},
        ).scalar_one()
        matured = (verified or now) - matured_after(use_case)
        found = [_judge(connection, use_case, days, matured) for days in WINDOWS]
        replace_rows(connection, "ops.performance", use_case.name, run_id, [_row(one, now) for one in found])
        bands = [{"days": one.days, "as_of": now, **asdict(band)} for one in found for band in one.bands]
        replace_rows(connection, "ops.band_outcomes", use_case.name, run_id, bands)
        store_following(connection, use_case, run_id, now)
        findings = [Finding(one.subject, kind, one.sentence(kind)) for one in found for kind in one.alarms]
        not_judged = [one.subject for one in found if not _enough(use_case, one)]
        alerts.settle(connection, use_case, WATCH, run_id, now, findings, not_judged)
    return found


def _judge(connection: Connection, use_case: UseCase, days: int, until: datetime) -> Performance:
    since = until - timedelta(days=days)
    connection.execute(text(f"DROP TABLE IF EXISTS {_TABLE}"))
    connection.execute(
        text(f"CREATE TEMPORARY TABLE {_TABLE} ON COMMIT DROP AS {judged_scores_sql(use_case)}"),
        {"since": since, "until": until},
    )
    versions = connection.execute(text(f"SELECT model_version, count(*) FROM {_TABLE} GROUP BY 1 ORDER BY 1")).all()
    found = Performance(
        days,
        since,
        until,
        ranking.ranking(connection, _TABLE),
        ranking.probabilities(connection, _TABLE),
        tuple(ranking.tenths(connection, _TABLE, use_case.entity.key)),
        tuple(_bands(connection, use_case)),
        {str(version): int(n) for version, n in versions},
        (),
        banded_figures(connection, use_case, _TABLE) if use_case.classes else {},
    )
    return Performance(**{**vars(found), "alarms": _alarms(use_case, found)})


def _bands(connection: Connection, use_case: UseCase) -> list[BandOutcome]:
    counted = connection.execute(text(f"SELECT band, count(*) AS n, sum(positive) AS pos FROM {_TABLE} GROUP BY band"))
    rows = {row.band: (int(row.n), int(row.pos)) for row in counted}
    return [
        BandOutcome(band, n, positives, positives / n, *(intervals.share(positives, n) or (None, None)))
        for band in use_case.score.bands
        for n, positives in [rows.get(band, (0, 0))]
        if n
    ]


def _enough(use_case: UseCase, found: Performance) -> bool:
    return found.ranking.n >= use_case.monitor.min_entities and found.ranking.positives >= _FEWEST_POSITIVES


def _alarms(use_case: UseCase, found: Performance) -> tuple[str, ...]:
    if not _enough(use_case, found):
        return ()
    limits = use_case.monitor
    area, gap, expected = found.roc_auc_interval, found.gap_interval, _holdout_auc(use_case, found.versions)
    off = gap is not None and (gap[0] > limits.calibration or gap[1] < -limits.calibration)
    raised = {
        "ranking": area is not None and expected is not None and area[1] < expected - limits.ranking,
        # Under a prior the probabilities are those of the world and the outcomes those of a rebalanced source.
        "calibration": off and use_case.model.prior is None,
        "intervals": intervals_off(found.banded.get("coverage"), found.ranking.n),
    }
    return tuple(name for name, beyond in raised.items() if beyond)


def _holdout_auc(use_case: UseCase, versions: dict[str, int]) -> float | None:
    """Area under the ROC curve that the version which issued most of the scores showed on its holdout; None where that
    had one class only.
    """
    row = model(use_case.name, max(versions, key=lambda version: versions[version]))
    area = None if row is None else row.metrics["holdout"]["metrics"]["roc_auc"]["value"]
    return None if area is None else float(area)


def _row(found: Performance, now: datetime) -> dict[str, Any]:
    ranked, stated = found.ranking, found.probabilities
    tenth = intervals.share(ranked.top, ranking.TOP_SHARE * ranked.n) if ranked.top is not None else None
    conversion = ranked.positives / ranked.n if ranked.n else None
    lift = tuple(end / conversion for end in tenth) if tenth and conversion else None
    precision = intervals.pr_auc(ranked.pr_auc, ranked.positives) if ranked.pr_auc is not None else None
    ends = {
        "gap": found.gap_interval,
        "roc_auc": found.roc_auc_interval,
        "pr_auc": precision,
        "lift_at_10": lift,
    }
    return {
        "days": found.days,
        "as_of": now,
        "since": found.since,
        "until": found.until,
        "entities": ranked.n,
        "positives": ranked.positives,
        "conversion": conversion,
        "mean_probability": stated.mean if stated else None,
        "roc_auc": ranked.roc_auc,
        "pr_auc": ranked.pr_auc,
        "lift_at_10": ranked.lift,
        "brier": stated.brier if stated else None,
        "log_loss": stated.log_loss if stated else None,
        "calibration_error": ranking.calibration_error(list(found.tenths)),
        "reliability": json.dumps([asdict(part) for part in found.tenths]),
        "versions": json.dumps(found.versions),
        "alarms": list(found.alarms),
        **{name: found.banded.get(name) for name in FIGURES},
        **{f"{name}_low": pair[0] if pair else None for name, pair in ends.items()},
        **{f"{name}_high": pair[1] if pair else None for name, pair in ends.items()},
    }
