"""Who may ask the scoring API, and what it answered."""

from alembic import op

from leadmill.storage.literals import comment_on

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE ops.api_keys (
    key_id     text PRIMARY KEY,
    name       text NOT NULL,
    digest     bytea NOT NULL,
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'score', 'train'] AND cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
REVOKE SELECT ON ops.api_keys FROM leadmill_reader;

CREATE TABLE ops.predictions (
    request_id    uuid NOT NULL,
    use_case      text NOT NULL,
    entity_key    text NOT NULL,
    features_from text NOT NULL CHECK (features_from IN ('online', 'payload')),
    features_hash bytea NOT NULL,
    score         int NOT NULL,
    probability   double precision NOT NULL,
    status        text NOT NULL,
    model_version text NOT NULL,
    latency_ms    real NOT NULL,
    predicted_at  timestamptz NOT NULL
);
CREATE INDEX predictions_by_entity ON ops.predictions (use_case, entity_key, predicted_at);
CREATE INDEX predictions_by_time ON ops.predictions USING brin (predicted_at);
"""

COMMENTS = {
    "ops.api_keys": (
        "Who may ask the scoring API; the keys themselves are known to their owners only",
        {
            "key_id": "First part of the key, by which it is found",
            "name": "Whose it is, or what for",
            "digest": "SHA-256 of the rest of the key, which is 256 random bits",
            "scopes": "What it may be used for: read, score, train",
            "created_at": "When it was made, by the server's clock",
            "expires_at": "From when on it is refused; null: never by itself",
            "revoked_at": "When it was revoked; null: it was not",
        },
    ),
    "ops.predictions": (
        "What the scoring API answered: one row per entity scored. Written in the background; a full buffer drops rows",
        {
            "request_id": "Request, as its answer and the service's log name it",
            "use_case": "Name of the use case",
            "entity_key": "Key of the entity",
            "features_from": "online (the store's features) or payload (the request's)",
            "features_hash": "BLAKE2b of the model's inputs in their order, as JSON: equal ones were the same features",
            "score": "Score as answered",
            "probability": "Calibrated probability of the label",
            "status": "fresh, stale or closed, as answered",
            "model_version": "Version in the registry",
            "latency_ms": "Milliseconds from the request's arrival to its answer; of a batch, the whole batch",
            "predicted_at": "When, by the service's clock",
        },
    ),
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
