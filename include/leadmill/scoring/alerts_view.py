"""Each day's highest scores as a view, as many as the version's budget of alerts."""

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.literals import literal


def ensure_alerts_view(connection: Connection, use_case: UseCase) -> None:
    """Make ``scores.<use case>_alerts`` where ``decision.alerts_per_day`` is declared and the view is absent.

    Days are those of the feature times, in UTC; each score is held to the budget that was kept with its version. Of
    equal scores the earlier comes first.
    """
    if use_case.decision is None or use_case.decision.alerts_per_day is None:
        return
    view, scores, key = names.alerts_view(use_case), names.scores_table(use_case), use_case.entity.key
    if connection.execute(text("SELECT to_regclass(:view)"), {"view": view}).scalar() is not None:
        return
    connection.execute(
        text(
            f"CREATE VIEW {view} AS SELECT ranked.* FROM (SELECT s.*, row_number() OVER ("
            f"PARTITION BY date_trunc('day', s.feature_timestamp, 'UTC') "
            f"ORDER BY s.probability DESC, s.feature_timestamp, s.{key}) AS alert_of_day "
            f"FROM {scores} AS s WHERE s.status <> 'closed') AS ranked "
            f"JOIN ops.models AS m ON m.use_case = {literal(use_case.name)} AND m.version = ranked.model_version "
            "WHERE ranked.alert_of_day <= (m.decision -> 'alerts' ->> 'per_day')::float8"
        )
    )
    comment = f"{use_case.title}: each day's highest scores, as many as decision.alerts_per_day"
    connection.execute(text(f"COMMENT ON VIEW {view} IS {literal(comment)}"))
    rank = "Place among the scores of its day (of feature_timestamp, in UTC), 1 the highest"
    connection.execute(text(f"COMMENT ON COLUMN {view}.alert_of_day IS {literal(rank)}"))
