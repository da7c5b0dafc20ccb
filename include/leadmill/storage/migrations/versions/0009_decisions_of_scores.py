"""What follows from a score: kept with each version; and answers about entities that gave no key."""

from alembic import op

from leadmill.storage.literals import comment_on

revision = "0009"
down_revision = "0008"

CHANGES = (
    "ALTER TABLE ops.models ADD COLUMN decision jsonb",
    "ALTER TABLE ops.predictions ALTER COLUMN entity_key DROP NOT NULL",
)
COMMENTS = {
    "ops.models": (
        "One row per registered model version",
        {
            "decision": "Threshold from which on the decision is positive, the costs by which it was chosen, on which "
            "rows, and what it came to there and on the newest rows; null: the spec declared no decision",
            "metrics": "Cross-validation (mean, std) and holdout (value, low, high) of every metric; where the spec "
            "declares baselines or candidates of its own, their accuracy by repeated folds (repeated)",
        },
    ),
    "ops.predictions": (
        "What the scoring API answered: one row per entity scored. Written in the background; a full buffer drops rows",
        {"entity_key": "Key of the entity; null: asked about without a key, by a route that the spec declares"},
    ),
}


def upgrade() -> None:
    for statement in CHANGES:
        op.execute(statement)
    comment_on(COMMENTS, op.execute)
