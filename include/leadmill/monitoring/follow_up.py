"""Beside each score what people did with it: a view that adds to the scores and replaces nothing in them."""

from sqlalchemy import text

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.literals import literal

_LAST = {
    "contacted_at": ("happened_at", "contacted", "When it was last contacted, by the source's clock"),
    "contacted_by": ("author", "contacted", "Who contacted it last"),
    "outcome": ("outcome", "outcome", "What became of it as people entered it; the source's outcome is the label"),
    "outcome_at": ("happened_at", "outcome", "When that was"),
    "outcome_by": ("author", "outcome", "Who entered it"),
}
_OVERRIDE = {
    "override_band": ("band", "Band by which the author wants it treated; null: no override in force"),
    "override_reason": ("reason", "Why"),
    "override_by": ("author", "Who overrode"),
    "override_at": ("happened_at", "When, by the source's clock"),
}


def ensure_follow_up_view(use_case: UseCase) -> str:
    """Make ``scores.<use case>_follow_up`` where it is absent or its columns changed; the view's name.

    Every score with its own columns as they are, and the newest contact, outcome and override (unless withdrawn) in
    columns of their own. The reading role and those who enter follow-ups may read it.
    """
    view, scores = names.follow_up_view(use_case), names.scores_table(use_case)
    comments = {name: comment for name, (_, _, comment) in _LAST.items()}
    comments |= {name: comment for name, (_, comment) in _OVERRIDE.items()}
    with engine().begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('leadmill/ddl', 0))"))
        columns = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 ORDER BY attnum"
        present = connection.execute(text(columns), {"name": view}).scalars().all()
        wanted = [*connection.execute(text(columns), {"name": scores}).scalars(), *comments]
        if present == wanted:
            return view
        connection.execute(text(f"DROP VIEW IF EXISTS {view}"))
        connection.execute(text(f"CREATE VIEW {view} AS {_query(use_case)}"))
        comment = f"{use_case.title}: each score, and beside it what people did; they INSERT into ops.follow_ups"
        connection.execute(text(f"COMMENT ON VIEW {view} IS {literal(comment)}"))
        for column, meaning in comments.items():
            connection.execute(text(f"COMMENT ON COLUMN {view}.{column} IS {literal(meaning)}"))
        connection.execute(text(f"GRANT SELECT ON {view} TO {names.FOLLOW_UP_ROLE}"))
    return view


def _query(use_case: UseCase) -> str:
    mine = f"f.use_case = '{use_case.name}' AND f.entity_key = s.{use_case.entity.key}\\:\\:text"
    newest = "ORDER BY f.happened_at DESC, f.follow_up_id DESC"
    last = [
        f"(array_agg(f.{column} {newest}) FILTER (WHERE f.kind = '{kind}'))[1] AS {name}"
        for name, (column, kind, _) in _LAST.items()
    ]
    override = ", ".join(f"f.{column} AS {name}" for name, (column, _) in _OVERRIDE.items())
    overrides = ", ".join(f"CASE WHEN o.kind = 'override' THEN o.{name} END AS {name}" for name in _OVERRIDE)
    return (
        f"SELECT s.*, {', '.join(f'l.{name}' for name in _LAST)}, {overrides} "
        f"FROM {names.scores_table(use_case)} AS s "
        f"CROSS JOIN LATERAL (SELECT {', '.join(last)} FROM ops.follow_ups AS f WHERE {mine}) AS l "
        f"LEFT JOIN LATERAL (SELECT f.kind, {override} FROM ops.follow_ups AS f WHERE {mine} "
        f"AND f.kind IN ('override', 'override_withdrawn') {newest} LIMIT 1) AS o ON true"
    )
