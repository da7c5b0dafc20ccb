"""Use cases that predict bands of a number: the bands of each version, and how good bands and values were."""

from alembic import op

from leadmill.storage.literals import comment_on

revision = "0011"
down_revision = "0009"

_FIGURES = ("accuracy", "macro_f1", "weighted_kappa", "class_log_loss", "wape", "coverage")
CHANGES = (
    "ALTER TABLE ops.models ADD COLUMN classes jsonb",
    "ALTER TABLE ops.performance " + ", ".join(f"ADD COLUMN {name} double precision" for name in _FIGURES),
)
COMMENTS = {
    "ops.models": (
        "One row per registered model version",
        {
            "classes": "Bands of the number that it predicts, from the lowest to the highest: class, from, to; "
            "null: it tells two classes apart",
            "positives": "Positive rows among the training rows; where it predicts bands, those of the last",
        },
    ),
    "ops.performance": (
        "One row per performance run and trailing window: the scores as issued, on the outcomes that matured since",
        {
            "accuracy": "Share in the predicted class; null, as the next five, where there are two classes only",
            "macro_f1": "Mean over the classes of the F1 of the predicted class",
            "weighted_kappa": "Cohen's kappa of the predicted class, quadratic weights",
            "class_log_loss": "Mean negative log of the probability that the class that came true was given",
            "wape": "Sum of the absolute errors of the predicted values over the sum of what came true",
            "coverage": "Share of what came true that lay in its interval, which is made for 0.8",
        },
    ),
}


def upgrade() -> None:
    for statement in CHANGES:
        op.execute(statement)
    comment_on(COMMENTS, op.execute)
