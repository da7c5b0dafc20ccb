"""The SQL of a point-in-time join: each row of entities with the features that were known at its time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg import sql

from leadmill.names import THROUGH_WINDOW

if TYPE_CHECKING:
    from feast.infra.offline_stores.offline_utils import FeatureViewQueryContext

_ROW = sql.Identifier("leadmill_row")
_ENTITIES = sql.Identifier("leadmill_entities")


def point_in_time_sql(
    entity_sql: str,
    columns: Sequence[str],
    time: str,
    views: Sequence["FeatureViewQueryContext"],
    full_names: bool,
    by_created: bool,
) -> str:
    """The ``columns`` of ``entity_sql``, one row for each of its rows and in its order, and the views' features.

    Of a view's rows with the keys counts the newest with an event time up to the row's ``time`` and within the view's
    ttl, if it has one; among equal event times the newest created (no created time is the oldest). ``by_created``: only
    rows that had been created by then. Where the entities say ``through_window``, only rows of windows up to that
    number. Rows for which there is none have nulls.
    """
    # Its SQL is evaluated once, whatever it costs.
    parts = [
        sql.SQL("{} AS MATERIALIZED (SELECT row_number() OVER () AS {}, given.* FROM ({}) AS given)").format(
            _ENTITIES, _ROW, sql.SQL(entity_sql)
        )
    ]
    before, wanted, by_window = _ENTITIES, [*columns], THROUGH_WINDOW in columns
    for number, view in enumerate(views):
        joined = sql.Identifier(f"leadmill_joined_{number}")
        names = [_name(view, feature, full_names) for feature in view.features]
        parts.append(sql.SQL("{} AS ({})").format(joined, _joined(before, view, names, time, by_created, by_window)))
        before, wanted = joined, [*wanted, *names]
    found = sql.SQL(", ").join(sql.Identifier(name) for name in wanted)
    return sql.SQL("WITH {} SELECT {} FROM {}").format(sql.SQL(", ").join(parts), found, before).as_string(None)


def _joined(
    before: sql.Identifier,
    view: "FeatureViewQueryContext",
    names: Sequence[str],
    time: str,
    by_created: bool,
    by_window: bool,
) -> sql.Composed:
    """The rows of ``before`` and the view's features. A sort of what joins, which any plan of a join may bring."""
    moment, event = sql.Identifier("r", time), sql.Identifier("f", view.timestamp_field)
    conditions = [sql.SQL("{} <= {}").format(event, moment)]
    order = [_ROW, sql.SQL("{} DESC").format(event)]
    for key, selection in zip(view.entities, view.entity_selections, strict=True):
        column = sql.Identifier("f", selection.removesuffix(f" AS {key}"))
        conditions.append(sql.SQL("{} = {}").format(column, sql.Identifier("r", key)))
    if view.ttl:
        conditions.append(sql.SQL("{} >= {} - make_interval(secs => {})").format(event, moment, sql.Literal(view.ttl)))
    if view.created_timestamp_column:
        created = sql.Identifier("f", view.created_timestamp_column)
        order.append(sql.SQL("{} DESC NULLS LAST").format(created))
        if by_created:
            conditions.append(sql.SQL("{} <= {}").format(created, moment))
    if by_window:
        given = sql.Identifier("f", "window_id"), sql.Identifier("r", THROUGH_WINDOW)
        conditions.append(sql.SQL("{} <= {}").format(*given))
    features = [
        sql.SQL(", {} AS {}").format(sql.Identifier("f", feature), sql.Identifier(name))
        for feature, name in zip(view.features, names, strict=True)
    ]
    return sql.SQL(
        "SELECT DISTINCT ON ({row}) r.*{features} FROM {before} AS r LEFT JOIN {source} AS f ON {conditions} "
        "ORDER BY {order}"
    ).format(
        row=_ROW,
        features=sql.Composed(features),
        before=before,
        source=sql.SQL(view.table_subquery),
        conditions=sql.SQL(" AND ").join(conditions),
        order=sql.SQL(", ").join(order),
    )


def _name(view: "FeatureViewQueryContext", feature: str, full_names: bool) -> str:
    name = view.field_mapping.get(feature, feature)
    return f"{view.name}__{name}" if full_names else name
