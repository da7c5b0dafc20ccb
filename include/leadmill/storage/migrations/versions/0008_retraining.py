"""Whether a training was due by data, look by look."""

from alembic import op

from leadmill.storage.literals import comment_on

revision = "0008"
down_revision = "0007"

TABLE = """
CREATE TABLE ops.retraining (
    use_case text NOT NULL,
    run_id   text NOT NULL,
    as_of    timestamptz NOT NULL,
    rule     text CHECK (rule IN ('drift', 'new_outcomes')),
    through  timestamptz,
    outcomes bigint NOT NULL,
    onset    timestamptz,
    rows     bigint NOT NULL,
    sentence text NOT NULL,
    told     boolean NOT NULL CHECK (rule IS NOT NULL OR NOT told),
    PRIMARY KEY (use_case, run_id)
)
"""
COMMENTS = {
    "ops.retraining": (
        "One row per look at whether a training is due by data",
        {
            "use_case": "Name of the use case",
            "run_id": "Airflow run that looked",
            "as_of": "When it looked, by the source's clock",
            "rule": "By which rule it is due; null: it is not",
            "through": "Newest training row that a judged version has had (its as_of); null: there is none",
            "outcomes": "Entities of which every training row is newer than that: newly matured outcomes",
            "onset": "Since when the rows are of another kind, by the open drift alerts; null: none is open",
            "rows": "Matured training rows since the onset that no judged version has had",
            "sentence": "The finding for people",
            "told": "Whether it was made an event for the training; the same data makes one a day",
        },
    ),
}


def upgrade() -> None:
    op.execute(TABLE)
    comment_on(COMMENTS, op.execute)
