"""Training sets that can be rebuilt, and studies that a new month has closed."""

from alembic import op

from leadmill.storage.literals import comment_on, literal

revision = "0012"
down_revision = "0011"

TABLE = """
CREATE TABLE ops.training_sets (
    use_case     text NOT NULL,
    training_set text NOT NULL,
    spec_version text NOT NULL,
    moment       timestamptz NOT NULL,
    window_id    bigint NOT NULL,
    columns      text[] NOT NULL,
    fingerprint  text NOT NULL,
    rows         bigint NOT NULL,
    first_as_of  timestamptz NOT NULL,
    last_as_of   timestamptz NOT NULL,
    built_at     timestamptz NOT NULL,
    PRIMARY KEY (use_case, training_set)
)
"""
COMMENTS = {
    "ops.training_sets": (
        "One row per training set: what ./leadmill training-set needs to rebuild its rows, and the proof that it did",
        {
            "use_case": "Name of the use case",
            "training_set": "Its id: the same rows by the same spec have the same",
            "spec_version": "Version of the spec that it was built by",
            "moment": "What was recorded up to then, by the source's clock, is known to it",
            "window_id": "Newest window whose rows are known to it, see ops.windows; 0: none",
            "columns": "Its columns, in order",
            "fingerprint": "SHA-256 over columns and rows, whatever the rows' order",
            "rows": "How many rows it has",
            "first_as_of": "as_of of its oldest row",
            "last_as_of": "as_of of its newest row",
            "built_at": "When it was built first, by the source's clock",
        },
    ),
}
NEW_COLUMN = "Training set that it was trained and judged on, see ops.training_sets; null: it is not known"
ENDED_BY = "trials, minutes (of work), or month: it was not ended when a study of a later month began; null: it is open"


def upgrade() -> None:
    op.execute(TABLE)
    comment_on(COMMENTS, op.execute)
    op.execute("ALTER TABLE ops.models ADD COLUMN training_set text")
    op.execute(f"COMMENT ON COLUMN ops.models.training_set IS {literal(NEW_COLUMN)}")
    op.execute("ALTER TABLE ops.studies DROP CONSTRAINT studies_ended_by_check")
    op.execute(
        "ALTER TABLE ops.studies ADD CONSTRAINT studies_ended_by_check "
        "CHECK (ended_by IN ('trials', 'minutes', 'month'))"
    )
    op.execute(f"COMMENT ON COLUMN ops.studies.ended_by IS {literal(ENDED_BY)}")
