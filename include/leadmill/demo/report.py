"""The end of the demo as figures: best entities, models, accounting, time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text

from leadmill import names
from leadmill.columns import Column
from leadmill.demo.comparison import Comparison, compare
from leadmill.demo.follow import Timing
from leadmill.demo.tpv.comparison import OutlookComparison, compare as compare_outlooks
from leadmill.registry import documents, ledger, store
from leadmill.registry.champion import champion_version
from leadmill.registry.dataset import lowered_minima
from leadmill.registry.findings import told
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.training.results import CrossValidation, Holdout

BEST = 10
_CLASSED = ("predicted_class", "probabilities", "predicted_value", "predicted_low", "predicted_high")
MAIN_FEATURES = 5
# With whom the champions of simulated sources are compared.
_COMPARISONS: dict[str, Callable[[UseCase], Comparison | OutlookComparison]] = {
    "leads": compare,
    "tpv": compare_outlooks,
}


@dataclass(frozen=True)
class ScoredEntity:
    """One of the best: ``features`` maps a feature's title to its value for people, ``reason`` says what counted most.

    ``reason`` is empty where the model says nothing of its reasons. Of a multiclass use case ``predicted`` is the class
    with its probability and the value with its interval, in words.
    """

    key: str
    score: int
    probability: float
    band: str
    features: dict[str, str]
    reason: str
    predicted: tuple[str, str] | None = None


@dataclass(frozen=True)
class Accounting:
    """Rows of all published windows, ``read = accepted + rejected + already_seen``, and what came of them."""

    windows: int
    read: int
    accepted: int
    rejected: int
    already_seen: int
    published: int
    scored: int
    rejected_by: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Models:
    """The champion, and what its training found about it and its rivals."""

    version: str
    candidate: str
    promoted_at: datetime
    training_rows: int
    metric: str
    cross_validation: tuple[CrossValidation, ...]
    holdout: tuple[Holdout, ...]
    alarms: tuple[str, ...]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything that the demo prints at its end."""

    use_case: str
    title: str
    note: str
    best: tuple[ScoredEntity, ...]
    models: Models
    accounting: Accounting
    timings: tuple[Timing, ...]
    seconds: float
    comparison: Comparison | OutlookComparison | None = None


def report(use_case: UseCase, timings: list[Timing], seconds: float) -> Report:
    """Collect the figures. Needs a champion and published scores."""
    version = champion_version(use_case)
    row = ledger.model(use_case.name, version) if version else None
    assert row is not None
    return Report(
        use_case=use_case.name,
        title=use_case.title,
        note=use_case.note,
        best=best_entities(use_case, main_features(use_case, row.mlflow_run_id)),
        models=_models(use_case, row),
        accounting=accounting(use_case),
        timings=tuple(timings),
        seconds=seconds,
        comparison=_COMPARISONS[use_case.name](use_case) if use_case.name in _COMPARISONS else None,
    )


def main_features(use_case: UseCase, run_id: str) -> list[Column]:
    """The inputs that matter most to the model of that MLflow run, by permutation."""
    found = store.read_json(run_id, documents.IMPORTANCE)
    named = [use_case.features[item["feature"]] for item in found if item["feature"] in use_case.features]
    return (named or list(use_case.inputs))[:MAIN_FEATURES]


def best_entities(use_case: UseCase, shown: list[Column]) -> tuple[ScoredEntity, ...]:
    """The entities with the highest probabilities and their values of the columns ``shown``."""
    key = use_case.entity.key
    listed = ", ".join(
        f"latest.{column.name}" + (f", latest.{column.flag}" if column.has_flag else "") for column in shown
    )
    classed = "".join(f", scored.{name}" for name in _CLASSED) if use_case.classes else ""
    with engine().connect() as connection:
        rows = connection.execute(
            text(
                f"SELECT scored.{key}, scored.{use_case.score_column}, scored.probability, scored.band, "
                f"coalesce(scored.reasons -> 0 ->> 'sentence', '') AS reason, {listed}{classed} "
                f"FROM {names.scores_table(use_case)} AS scored "
                f"INNER JOIN {names.latest_view(use_case)} AS latest USING ({key}) "
                "WHERE scored.status <> 'closed' "
                f"ORDER BY scored.probability DESC, scored.{key} LIMIT :count"
            ),
            {"count": BEST},
        ).mappings()
        return tuple(
            ScoredEntity(
                key=str(row[key]),
                score=row[use_case.score_column],
                probability=row["probability"],
                band=row["band"],
                features={
                    column.title: shown_value(column, row[column.name], column.has_flag and row[column.flag])
                    for column in shown
                },
                reason=row["reason"],
                predicted=_predicted(use_case, row) if use_case.classes else None,
            )
            for row in rows
        )


def _predicted(use_case: UseCase, row: RowMapping) -> tuple[str, str]:
    unit = f" {use_case.label.unit}" if use_case.label.unit else ""
    share = row["probabilities"][row["predicted_class"]]
    value, low, high = (f"{row[f'predicted_{name}']:,.0f}" for name in ("value", "low", "high"))
    return f"{row['predicted_class']} ({share:.0%})", f"{value}{unit} ({low} to {high})"


def shown_value(column: Column, value: Any, filled: bool) -> str:
    """A feature value for people: levels as words, yes and no, numbers with their unit; ``filled`` marks a guess."""
    if column.type == "ordered":
        shown = column.levels[value]
    elif column.type == "bool":
        shown = "yes" if value else "no"
    elif column.type == "category":
        shown = str(value).replace("_", " ")
    else:
        # Four digits, but never 1.576e+04.
        shown = f"{value:,.4g}" if column.type == "float" and abs(value) < 10_000 else f"{value:,.0f}"
        shown += f" {column.unit}" if column.unit else ""
    return f"{shown} (filled)" if filled else shown


def accounting(use_case: UseCase) -> Accounting:
    """Sums over the published windows."""
    with engine().connect() as connection:
        sums = connection.execute(
            text(
                "SELECT count(*) AS windows, coalesce(sum(read), 0)::bigint AS read, "
                "coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(rejected), 0)::bigint AS rejected, "
                "coalesce(sum(already_seen), 0)::bigint AS already_seen, "
                "coalesce(sum(appended), 0)::bigint AS published "
                "FROM ops.windows WHERE use_case = :name AND status = 'published'"
            ),
            {"name": use_case.name},
        ).one()
        scored = connection.execute(text(f"SELECT count(*) FROM {names.scores_table(use_case)}")).scalar_one()
        rules = connection.execute(
            text(
                f"SELECT rule, count(*) AS rows FROM {names.rejected_table(use_case)}, unnest(rules) AS rule "
                "GROUP BY rule ORDER BY rows DESC, rule LIMIT 5"
            )
        )
        return Accounting(**sums._mapping, scored=scored, rejected_by={row.rule: row.rows for row in rules})


def _models(use_case: UseCase, row: ledger.ModelRow) -> Models:
    promotion = next(
        (one for one in ledger.decisions(use_case.name) if one.version == row.version and one.verdict != "refused"),
        None,
    )
    alarm = store.tag(row.mlflow_run_id, "leak_alarm")
    return Models(
        version=row.version,
        candidate=row.candidate,
        promoted_at=promotion.decided_at if promotion else row.created_at,
        training_rows=row.training_rows,
        metric=use_case.model.metric,
        cross_validation=tuple(documents.cross_validations(row.mlflow_run_id)),
        holdout=tuple(documents.holdouts(row.mlflow_run_id)),
        alarms=(*(() if alarm in (None, "none") else (str(alarm),)), *lowered_minima(use_case)),
        findings=told(row),
    )
