"""The ledger of models and of every decision about them."""

from alembic import op

from leadmill.storage.literals import comment_on

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE ops.models (
    use_case         text NOT NULL,
    version          text NOT NULL,
    mlflow_run_id    text NOT NULL UNIQUE,
    candidate        text NOT NULL,
    created_at       timestamptz NOT NULL,
    training_rows    bigint NOT NULL,
    positives        bigint NOT NULL,
    data_fingerprint text NOT NULL,
    spec_version     text NOT NULL,
    inputs           jsonb NOT NULL,
    metrics          jsonb NOT NULL,
    bands            jsonb,
    percentiles      jsonb,
    population       text,
    frozen_at        timestamptz,
    PRIMARY KEY (use_case, version),
    CHECK ((bands IS NULL) = (percentiles IS NULL) AND (bands IS NULL) = (frozen_at IS NULL))
);

CREATE TABLE ops.promotions (
    promotion_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decision        text NOT NULL UNIQUE,
    use_case        text NOT NULL,
    verdict         text NOT NULL CHECK (verdict IN ('promoted', 'refused', 'rolled_back')),
    version         text NOT NULL,
    champion_before text,
    reasons         jsonb NOT NULL,
    figures         jsonb NOT NULL,
    actor           text NOT NULL,
    mlflow_run_id   text NOT NULL,
    decided_at      timestamptz NOT NULL,
    FOREIGN KEY (use_case, version) REFERENCES ops.models
);
CREATE INDEX promotions_by_time ON ops.promotions (use_case, decided_at);
"""

COMMENTS = {
    "ops.models": (
        "One row per registered model version",
        {
            "use_case": "Name of the use case; also the name of the model in the registry",
            "version": "Version in the registry: 1, 2, ...",
            "mlflow_run_id": "MLflow run that trained it",
            "candidate": "Which candidate of the spec it is",
            "created_at": "When it was registered, by the source's clock",
            "training_rows": "Rows it was fitted on, holdout and purged rows excluded",
            "positives": "Positives among them",
            "data_fingerprint": "SHA-256 of the whole training frame",
            "spec_version": "Version of the spec",
            "inputs": "Model contract: name, type and encoding of every input, in order",
            "metrics": "Cross-validation (mean, std) and holdout (value, low, high) of every metric",
            "bands": "Lowest probability of each band, frozen at promotion; null before",
            "percentiles": "Quantiles of the probabilities from 0 to 100 %, frozen at promotion; null before",
            "population": "What the cut-offs come from: latest features, or the holdout where those are too few",
            "frozen_at": "When the cut-offs were frozen, by the source's clock",
        },
    ),
    "ops.promotions": (
        "One row per promotion, refusal and rollback, with the figures it was decided on",
        {
            "promotion_id": "Number of the row",
            "decision": "Names the act of deciding, so that a task run again adds no second row",
            "use_case": "Name of the use case",
            "verdict": "promoted, refused or rolled_back",
            "version": "Model version that was judged",
            "champion_before": "Champion at that moment; null for the first",
            "reasons": "Why, one sentence each",
            "figures": "Every figure that was looked at, with what was asked of it",
            "actor": "Who or what decided",
            "mlflow_run_id": "MLflow run of the version",
            "decided_at": "When, by the source's clock",
        },
    ),
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
