"""Schemas, the reading role, and the ledger of windows, validations, imputers and runs."""

from alembic import op

from leadmill.storage.literals import comment_on, literal

revision = "0001"
down_revision = None

SCHEMAS = {
    "raw": "Rows as the warehouse gave them, window by window",
    "rejected": "Whole rows that broke a rule, with every rule they broke",
    "staging": "Work in progress of one window or one scoring run",
    "features": "Append-only feature history and labels",
    "online": "Feast's online store",
    "scores": "Scored entities, for people and BI",
    "ops": "What ran, what was found, what was decided",
}

TABLES = """
CREATE TABLE ops.windows (
    window_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case       text NOT NULL,
    since          timestamptz,
    until          timestamptz NOT NULL,
    source_now     timestamptz NOT NULL,
    status         text NOT NULL CHECK (status IN ('open', 'blocked', 'published')),
    attempts       int NOT NULL DEFAULT 1,
    read           bigint NOT NULL DEFAULT 0,
    accepted       bigint,
    rejected       bigint,
    already_seen   bigint,
    null_watermark bigint NOT NULL DEFAULT 0,
    touched        bigint,
    appended       bigint,
    unchanged      bigint,
    refused        bigint,
    blocked_reason text,
    released_by    text,
    release_reason text,
    run_id         text,
    materialized   boolean NOT NULL DEFAULT false,
    opened_at      timestamptz NOT NULL DEFAULT now(),
    published_at   timestamptz,
    CHECK (status <> 'published' OR (read = accepted + rejected + already_seen) IS TRUE),
    CHECK (status <> 'published' OR (touched = appended + unchanged + refused) IS TRUE)
);
CREATE UNIQUE INDEX one_unpublished_window ON ops.windows (use_case) WHERE status <> 'published';
CREATE INDEX windows_by_time ON ops.windows (use_case, until);

CREATE TABLE ops.validations (
    validation_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case       text NOT NULL,
    window_id      bigint NOT NULL REFERENCES ops.windows,
    attempt        int NOT NULL,
    suite          text NOT NULL,
    rule           text NOT NULL,
    column_name    text,
    success        boolean NOT NULL,
    checked        bigint,
    failed         bigint,
    examples       jsonb NOT NULL DEFAULT '[]',
    document       text,
    run_id         text,
    validated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (window_id, attempt, suite, rule)
);

CREATE TABLE ops.imputers (
    use_case       text NOT NULL,
    version        int NOT NULL,
    fitted_through timestamptz NOT NULL,
    rows           bigint NOT NULL,
    spec_version   text NOT NULL,
    artifact       bytea NOT NULL,
    window_id      bigint NOT NULL REFERENCES ops.windows,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, version)
);

CREATE TABLE ops.runs (
    run_id         text NOT NULL,
    use_case       text NOT NULL,
    stage          text NOT NULL,
    started_at     timestamptz NOT NULL,
    seconds        double precision NOT NULL,
    PRIMARY KEY (run_id, use_case, stage)
);
"""

COMMENTS = {
    "ops.windows": (
        "One row per extraction window (since, until] of a use case's watermark: the ledger that decides what is done",
        {
            "window_id": "Number of the window",
            "use_case": "Name of the use case",
            "since": "Watermark where the window begins, exclusive; null for the first",
            "until": "Watermark where it ends, inclusive: source now minus the safety lag",
            "source_now": "The source's clock when the window was read",
            "status": "open (in work), blocked (a batch rule is broken) or published",
            "attempts": "How often it was read; a blocked or failed window is read again, extended",
            "read": "Rows that the source gave, overlap included",
            "accepted": "Rows that broke no rule",
            "rejected": "Rows in the quarantine",
            "already_seen": "Rows that an earlier window or an earlier row of this one held already",
            "null_watermark": "Rows of the source without a watermark: they cannot be read by any window",
            "touched": "Entities that an accepted row is about",
            "appended": "Entities that got a new feature row",
            "unchanged": "Entities whose features stayed as they were",
            "refused": "Entities whose prepared features failed the second suite",
            "blocked_reason": "Every broken batch rule",
            "released_by": "Who let a blocked window through",
            "release_reason": "Why",
            "run_id": "Airflow run that worked on it last",
            "materialized": "Whether its features are in the online store",
            "opened_at": "Wall time of the first attempt",
            "published_at": "Wall time of publication",
        },
    ),
    "ops.validations": (
        "One row per rule, window and attempt: what Great Expectations found",
        {
            "validation_id": "Number of the row",
            "use_case": "Name of the use case",
            "window_id": "The window",
            "attempt": "Which attempt at the window",
            "suite": "raw or features",
            "rule": "Name of the rule",
            "column_name": "Column that it is about; null for a batch rule",
            "success": "Whether it held",
            "checked": "Rows looked at",
            "failed": "Rows that broke it",
            "examples": "At most five values that broke it, shortened",
            "document": "Page of the Data Docs, relative to their root",
            "run_id": "Airflow run",
            "validated_at": "Wall time",
        },
    ),
    "ops.imputers": (
        "Fitted imputers; each feature row names the version that filled it, version 0 being the spec's constants",
        {
            "use_case": "Name of the use case",
            "version": "1, 2, ...",
            "fitted_through": "Newest event time among the rows it was fitted on",
            "rows": "How many feature rows there were then; it learned from the newest 20,000 of them at most",
            "spec_version": "Version of the spec",
            "artifact": "The imputer in skops format",
            "window_id": "Window during which it was fitted",
            "created_at": "Wall time",
        },
    ),
    "ops.runs": (
        "What each stage cost",
        {
            "run_id": "Airflow run",
            "use_case": "Name of the use case",
            "stage": "Name of the stage",
            "started_at": "Wall time of the start",
            "seconds": "Duration",
        },
    ),
}


def upgrade() -> None:
    for schema, comment in SCHEMAS.items():
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        op.execute(f"COMMENT ON SCHEMA {schema} IS {literal(comment)}")
    op.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leadmill_reader') "
        "THEN CREATE ROLE leadmill_reader NOLOGIN; END IF; END $$"
    )
    for schema in ("rejected", "features", "scores", "ops"):
        op.execute(f"GRANT USAGE ON SCHEMA {schema} TO leadmill_reader")
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO leadmill_reader")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
