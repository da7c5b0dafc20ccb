"""What watching last found, in Prometheus's text format."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import text

from leadmill.storage.database import engine


@dataclass(frozen=True)
class Gauges:
    """A query and the gauges of its rows: name -> column and help; ``labels`` are columns too."""

    query: str
    labels: tuple[str, ...]
    gauges: Mapping[str, tuple[str, str]]


def _newest(table: str, further: str = "") -> str:
    """SQL of the rows of each use case's newest run in a table of ``ops``."""
    return (
        f"SELECT t.*{further} FROM {table} AS t JOIN (SELECT DISTINCT ON (use_case) use_case, run_id FROM {table} "
        "ORDER BY use_case, as_of DESC, run_id DESC) AS newest USING (use_case, run_id)"
    )


SOURCES = (
    Gauges(
        _newest("ops.drift", ", (cardinality(alarms) > 0)\\:\\:int AS drifted"),
        ("use_case", "subject"),
        {
            "leadmill_drift_psi": ("psi", "Population stability index against the training data"),
            "leadmill_drift_p_value": ("p_value", "P-value of the two-sample test, by entities"),
            "leadmill_drift_alarm": ("drifted", "1 where a threshold of the spec is passed"),
            "leadmill_missing_ratio": ("missing", "Share of recent rows in which the value was missing"),
            "leadmill_new_level_ratio": ("new_share", "Share of recent rows with a level unknown in training"),
        },
    ),
    Gauges(
        _newest("ops.bands"),
        ("use_case", "band"),
        {
            "leadmill_band_ratio": ("share", "Share of the scored population in the band"),
            "leadmill_band_promised_ratio": ("promised", "Share of the band at promotion"),
        },
    ),
    Gauges(
        _newest("ops.performance"),
        ("use_case", "days"),
        {
            "leadmill_performance_entities": ("entities", "Entities scored in the window with a matured outcome"),
            "leadmill_performance_roc_auc": ("roc_auc", "Area under the ROC curve of the scores as issued"),
            "leadmill_performance_pr_auc": ("pr_auc", "Average precision of the scores as issued"),
            "leadmill_performance_lift_at_10": ("lift_at_10", "Lift of the best tenth as issued"),
            "leadmill_performance_mean_probability": ("mean_probability", "Mean of the issued probabilities"),
            "leadmill_performance_conversion_ratio": ("conversion", "Share with a positive outcome"),
            "leadmill_performance_calibration_error": ("calibration_error", "Expected calibration error"),
            "leadmill_performance_macro_f1": ("macro_f1", "Macro F1 of the predicted classes as issued"),
            "leadmill_performance_wape": ("wape", "Absolute error of the predicted values over what came true"),
            "leadmill_performance_coverage_ratio": ("coverage", "Share of truths in their issued interval"),
        },
    ),
    Gauges(
        _newest("ops.band_outcomes"),
        ("use_case", "days", "band"),
        {"leadmill_band_conversion_ratio": ("conversion", "Share with a positive outcome by band as issued")},
    ),
    Gauges(
        _newest("ops.following"),
        ("use_case", "days", "band"),
        {
            "leadmill_following_contacted_ratio": ("share", "Share contacted after the score was issued"),
            "leadmill_following_agreement": ("agreement", "Probability that a contacted one has the higher score"),
        },
    ),
    Gauges(
        _newest(
            "ops.freshness",
            ", extract(epoch FROM age) AS age_seconds, extract(epoch FROM deadline) AS deadline_seconds, "
            "late\\:\\:int AS is_late",
        ),
        ("use_case", "stage"),
        {
            "leadmill_stage_age_seconds": ("age_seconds", "Age of the stage's newest result, by the source's clock"),
            "leadmill_stage_deadline_seconds": ("deadline_seconds", "The most that the spec allows"),
            "leadmill_stage_late": ("is_late", "1 where it is older, or where there is no result at all"),
        },
    ),
    Gauges(
        _newest("ops.storage"),
        ("use_case", "relation"),
        {"leadmill_table_bytes": ("bytes", "Size on disk with indexes")},
    ),
    Gauges(
        "SELECT DISTINCT ON (use_case, stage) *, extract(epoch FROM started_at) AS started FROM ops.runs "
        "WHERE stage !~ '_[0-9]+$' ORDER BY use_case, stage, started_at DESC",
        ("use_case", "stage"),
        {
            "leadmill_stage_seconds": ("seconds", "Duration of the stage's newest run"),
            "leadmill_stage_rows": ("rows", "Rows that it handled"),
            "leadmill_stage_log_bytes": ("bytes", "Bytes that the server wrote to its log meanwhile"),
            "leadmill_stage_started_timestamp_seconds": ("started", "Wall time of its start"),
        },
    ),
    Gauges(
        "SELECT use_case, watch, count(*) AS n FROM ops.alerts WHERE closed_at IS NULL GROUP BY 1, 2",
        ("use_case", "watch"),
        {"leadmill_open_alerts": ("n", "Open alerts")},
    ),
    Gauges(
        "SELECT use_case, count(*) FILTER (WHERE status = 'blocked') AS blocked FROM ops.windows GROUP BY 1",
        ("use_case",),
        {"leadmill_blocked_windows": ("blocked", "Windows that a batch rule blocks")},
    ),
)


def exposition() -> str:
    """All gauges of all use cases as text, one family after the other; figures that are unknown are left out."""
    registry = CollectorRegistry()
    registry.register(_Families(_families()))
    return generate_latest(registry).decode()


class _Families:
    """What prometheus_client asks of a collector."""

    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _families() -> list[GaugeMetricFamily]:
    found = []
    with engine().connect() as connection:
        for source in SOURCES:
            rows: Sequence[Mapping[Any, Any]] = connection.execute(text(source.query)).mappings().all()
            for name, (column, meaning) in source.gauges.items():
                family = GaugeMetricFamily(name, meaning, labels=source.labels)
                for row in rows:
                    if row[column] is not None:
                        family.add_metric([str(row[label]) for label in source.labels], float(row[column]))
                found.append(family)
    return found
