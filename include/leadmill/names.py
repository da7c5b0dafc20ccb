"""Every name that two places must agree on: tables, assets, DAGs, Feast objects, models."""

from hashlib import sha256
from typing import Protocol

READER_ROLE = "leadmill_reader"
FOLLOW_UP_ROLE = "leadmill_follow_up"
# Columns that every table of Postgres has.
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
# Columns that leadmill's tables and queries have beside those of the spec.
OWN_COLUMNS = SYSTEM_COLUMNS | {
    *("row_no", "window_id", "recorded_at", "content_hash", "copy_no", "event_timestamp", "created_timestamp"),
    *("imputer_version", "spec_version", "as_of", "label", "weight", "known_at", "rules", "suite", "before"),
    *("through_window", "donor", "first_recorded_at", "written", "content_before", "created_before", "spelled"),
    # A row as a whole: a column of that name would stand for it.
    "r",
    # What drift of the scores is told of beside the features.
    "score",
}
# Further ones, of outcomes, ages and scores, that stand beside the key alone.
BESIDE_KEY = frozenset(
    {
        *("closed", "occurred_at", "replaced_by", "age", "n", "at", "generation", "probability", "band", "percentile"),
        *("reasons", "status", "issued_status", "model_version", "feature_timestamp", "scored_at", "run_id"),
        *("predicted_class", "probabilities", "predicted_value", "predicted_low", "predicted_high", "decision"),
        *("alert_of_day", "shown_at", "shown_of"),
    }
)


# Of rows that ask for features: only what windows up to this number wrote is known to them.
THROUGH_WINDOW = "through_window"

# Postgres cuts a longer name off in silence.
_LONGEST = 63


def safe_name(name: str, taken: frozenset[str] = frozenset()) -> str:
    """``name`` as an SQL name that is no longer than Postgres keeps; a hash tells shortened ones apart.

    >>> safe_name("a" * 70)[-9:]
    '_6bd5e503'
    """
    written = name.encode()
    if len(written) <= _LONGEST and name not in taken:
        return name
    digest = sha256(written).hexdigest()[:8]
    return f"{written[: _LONGEST - 9].decode(errors='ignore')}_{digest}"


class Named(Protocol):
    """Anything with a use case's name."""

    @property
    def name(self) -> str: ...


def raw_table(use_case: Named) -> str:
    return f"raw.{use_case.name}"


def rejected_table(use_case: Named) -> str:
    return f"rejected.{use_case.name}"


def staging_table(use_case: Named) -> str:
    return f"staging.{use_case.name}"


def features_table(use_case: Named) -> str:
    return f"features.{use_case.name}"


def confirmed_table(use_case: Named) -> str:
    return f"features.{safe_name(f'{use_case.name}_confirmed')}"


def facts_table(use_case: Named) -> str:
    return f"features.{use_case.name}_facts"


def entities_table(use_case: Named) -> str:
    return f"features.{use_case.name}_entities"


def moments_table(use_case: Named) -> str:
    return f"staging.{use_case.name}_moments"


def latest_view(use_case: Named) -> str:
    return f"features.{use_case.name}_latest"


def labels_table(use_case: Named) -> str:
    return f"features.{use_case.name}_labels"


def replaced_labels_table(use_case: Named) -> str:
    return f"features.{safe_name(f'{use_case.name}_labels_replaced')}"


def due_table(use_case: Named, generation: int) -> str:
    return f"staging.{safe_name(f'{use_case.name}_due_{generation}')}"


def scores_table(use_case: Named) -> str:
    return f"scores.{use_case.name}"


def history_table(use_case: Named) -> str:
    return f"scores.{use_case.name}_history"


def score_rows_table(use_case: Named) -> str:
    return f"scores.{use_case.name}_rows"


def score_runs_table(use_case: Named) -> str:
    return f"scores.{use_case.name}_runs"


def alerts_view(use_case: Named) -> str:
    return f"scores.{use_case.name}_alerts"


def follow_up_view(use_case: Named) -> str:
    return f"scores.{use_case.name}_follow_up"


def relations(use_case: Named) -> frozenset[str]:
    """Every table and view of the use case alone, but for those of a run at work, which have its number."""
    return frozenset(
        relation(use_case)
        for relation in (
            *(raw_table, rejected_table, staging_table, moments_table),
            *(features_table, latest_view, confirmed_table, facts_table, entities_table),
            *(labels_table, replaced_labels_table),
            *(scores_table, history_table, score_rows_table, score_runs_table, alerts_view, follow_up_view),
        )
    )


def source_asset(use_case: Named) -> str:
    return f"source/{use_case.name}"


def features_asset(use_case: Named) -> str:
    return f"features/{use_case.name}"


def model_asset(use_case: Named) -> str:
    return f"model/{use_case.name}"


def params_asset(use_case: Named) -> str:
    return f"params/{use_case.name}"


def scores_asset(use_case: Named) -> str:
    return f"scores/{use_case.name}"


def notify_channel(use_case: Named) -> str:
    """Channel on which the source tells that it has written; also the name of its trigger and function."""
    return safe_name(f"leadmill_{use_case.name}")


def training_asset(use_case: Named) -> str:
    return f"training/{use_case.name}"


def drift_asset(use_case: Named) -> str:
    return f"drift/{use_case.name}"


def missing_flag(column: str) -> str:
    return f"{column}_missing"


def feature_view(use_case: Named) -> str:
    return f"{use_case.name}_features"


def feature_service(use_case: Named) -> str:
    return use_case.name
