"""The tables of scores, and the views in which people read them (ADR 0008)."""

from dataclasses import replace

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.decision import Decision
from leadmill.spec import UseCase
from leadmill.storage.literals import literal
from leadmill.storage.table import Table, TableColumn


def _score_columns(use_case: UseCase, key: TableColumn) -> tuple[TableColumn, ...]:
    scale = use_case.score.scale
    return (
        key,
        TableColumn(use_case.score_column, "int NOT NULL", f"0 to {scale}: {scale} x calibrated probability"),
        TableColumn("probability", "double precision NOT NULL", f"Calibrated probability of {_scored_event(use_case)}"),
        TableColumn("band", "text NOT NULL", "Band by the cut-offs frozen with the model version"),
        TableColumn(
            "percentile", "double precision NOT NULL", "Share of the population at promotion that scored lower, 0-100"
        ),
        TableColumn("reasons", "jsonb", "What moved the score most, in score points; null: ask for it"),
        TableColumn("status", "text NOT NULL", "fresh, stale or closed"),
        TableColumn("model_version", "text NOT NULL", "Version in the registry"),
        TableColumn("feature_timestamp", "timestamptz NOT NULL", "Event time of the features used"),
        TableColumn("scored_at", "timestamptz NOT NULL", "When it was scored, by the source's clock"),
        TableColumn("run_id", "text NOT NULL", "Airflow run"),
        *(_class_columns(use_case) if use_case.classes else ()),
        *(_decision_columns(use_case.decision) if use_case.decision else ()),
    )


def _decision_columns(decision: Decision) -> tuple[TableColumn, ...]:
    """What follows from a score by the version's operating points; another point is one more column."""
    words = f"{decision.positive} or {decision.negative}"
    return (TableColumn("decision", "text", f"{words}, by the threshold kept with the version; null: that has none"),)


def _class_columns(use_case: UseCase) -> tuple[TableColumn, ...]:
    """What a multiclass use case adds; score, band and reasons are those of its last class."""
    return (
        TableColumn("predicted_class", "text NOT NULL", f"Most probable of {', '.join(use_case.classes)}"),
        TableColumn("probabilities", "jsonb NOT NULL", "Calibrated probability of each class"),
        TableColumn("predicted_value", "double precision NOT NULL", "Predicted value, inside the edges of that class"),
        TableColumn("predicted_low", "double precision NOT NULL", "Lower end of the interval of the value"),
        TableColumn("predicted_high", "double precision NOT NULL", "Upper end of the interval of the value"),
    )


def _scored_event(use_case: UseCase) -> str:
    return f"the class {use_case.classes[-1]}" if use_case.classes else "the label"


def score_tables(use_case: UseCase, key: TableColumn) -> tuple[Table, ...]:
    """What the views of scores stand on, see ADR 0008; ``key`` is their key column."""
    generation = TableColumn(
        "generation", "bigint NOT NULL", "In which it is shown; below zero: in none, that one has a newer score instead"
    )
    issued = TableColumn("issued_status", "text NOT NULL", "Status when it was published")
    # Checked as JSON by whoever reads them: to take a million apart takes as long as everything else that is done here.
    columns = (replace(one, type="text") if one.name == "reasons" else one for one in _score_columns(use_case, key))
    return (
        Table(
            names.score_rows_table(use_case),
            f"{use_case.title}: every score, of runs at work too; the views beside it show what is published",
            (generation, *columns, issued),
            ("generation", use_case.entity.key),
            ("USING brin (scored_at)", "(generation) WHERE status = 'stale'"),
        ),
        Table(
            names.score_runs_table(use_case),
            f"{use_case.title}: scoring runs",
            (
                TableColumn("generation", "bigint NOT NULL", "Number of the run, and of the rows that it brings"),
                TableColumn("run_id", "text NOT NULL", "Airflow run"),
                TableColumn("planned_at", "timestamptz NOT NULL", "When it was planned, by the source's clock"),
                TableColumn("model_version", "text", "Version that it scores by"),
                TableColumn("window_id", "bigint", "Newest window that was published when it was planned; 0: none"),
                TableColumn("publications", "bigint", "Runs that were published when it was planned"),
                TableColumn("due", "bigint", "Entities that were due then"),
                TableColumn("replaces", "bigint", "How many of those had a score; null: some had a newer one"),
                TableColumn("written", "jsonb", "Rows that its chunks wrote, by chunk: as totals"),
                TableColumn("staged", "bigint", "Rows that it brought; null: it is not published"),
                TableColumn("published", "bigint", "Rows of those that became scores; null: it is not published"),
                TableColumn("shown", "boolean NOT NULL", "Whether this generation is the one to be seen"),
                TableColumn("totals", "jsonb", "Where it is: scores shown, by model_version, band and status"),
                TableColumn("complete_for", "text", "Version by which every open entity has a score; null: not known"),
                TableColumn("complete_through", "bigint", "Newest window whose features those scores are made of"),
                TableColumn("judged_through", "bigint", "Newest window that the statuses follow"),
            ),
            ("generation",),
            ("(generation) WHERE shown", "(generation) WHERE published IS NULL"),
        ),
    )


def make_score_views(connection: Connection, use_case: UseCase) -> None:
    """The newest score of each key, and every score that was published. One row of the runs table says which."""
    rows, runs = names.score_rows_table(use_case), names.score_runs_table(use_case)
    key = TableColumn(use_case.entity.key, "", f"Key of the {use_case.entity.name}")
    columns = _score_columns(use_case, key)
    read = {"reasons": "CAST(reasons AS jsonb) AS reasons"}
    listed = ", ".join(read.get(column.name, column.name) for column in columns)
    read["status"] = "issued_status AS status"
    issued = ", ".join(read.get(column.name, column.name) for column in columns)
    views = {
        names.scores_table(use_case): (
            f"SELECT {listed} FROM {rows} WHERE generation = (SELECT generation FROM {runs} WHERE shown)",
            f"{use_case.title}: newest score",
        ),
        names.history_table(use_case): (
            f"SELECT {issued} FROM {rows} "
            f"WHERE generation NOT IN (SELECT generation FROM {runs} WHERE published IS NULL)",
            f"{use_case.title}: every score ever published, with its status then",
        ),
    }
    for name, (query, comment) in views.items():
        connection.execute(text(f"CREATE OR REPLACE VIEW {name} AS {query}"))
        connection.execute(text(f"COMMENT ON VIEW {name} IS {literal(comment)}"))
        for column in columns:
            connection.execute(text(f"COMMENT ON COLUMN {name}.{column.name} IS {literal(column.comment)}"))
