"""What leak scans found, and decisions about models that say of themselves what they were made on."""

from alembic import op

from leadmill.storage.literals import comment_on, literal

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE ops.leaks (
    use_case     text NOT NULL,
    run_id       text NOT NULL,
    kind         text NOT NULL,
    feature      text NOT NULL,
    evidence     text NOT NULL,
    figures      jsonb NOT NULL,
    allowed      text,
    spec_version text NOT NULL,
    found_at     timestamptz NOT NULL,
    PRIMARY KEY (use_case, run_id, kind, feature)
);
ALTER TABLE ops.promotions DROP CONSTRAINT promotions_verdict_check;
ALTER TABLE ops.promotions ADD CONSTRAINT promotions_verdict_check
    CHECK (verdict IN ('promoted', 'refused', 'held', 'chosen', 'rolled_back'));
ALTER TABLE ops.promotions ADD COLUMN candidate text;
ALTER TABLE ops.promotions ADD COLUMN data jsonb;
UPDATE ops.promotions AS p SET candidate = m.candidate, data = jsonb_build_object(
    'rows', m.training_rows, 'positives', m.positives, 'fingerprint', m.data_fingerprint,
    'spec_version', m.spec_version)
    FROM ops.models AS m WHERE m.use_case = p.use_case AND m.version = p.version;
ALTER TABLE ops.promotions ALTER COLUMN candidate SET NOT NULL;
ALTER TABLE ops.promotions ALTER COLUMN data SET NOT NULL;
"""

COMMENTS = {
    "ops.leaks": (
        "What leak scans found before a training, whether it was then allowed or not; a clean scan leaves no row",
        {
            "use_case": "Name of the use case",
            "run_id": "Training run, as Airflow names it",
            "kind": "Kind of leak",
            "feature": "Feature, or what else it is about: features_sql, event_timestamp, outcome_times",
            "evidence": "The evidence in a sentence",
            "figures": "The evidence in figures",
            "allowed": "Reason by which the spec allows it (model.allowed_leaks); null: it stopped the training",
            "spec_version": "Version of the spec",
            "found_at": "When, by the source's clock",
        },
    ),
}
COLUMNS = {
    "verdict": (
        "promoted (became champion by the gate), refused, held (passed, but gate.mode says never), chosen or "
        "rolled_back (became champion by hand)"
    ),
    "candidate": "Which candidate of the spec it is; external where it was trained elsewhere",
    "data": (
        "What the version was trained and judged on: rows, positives, fingerprint of the frame, times from which to "
        "which, when the holdout begins, version of the spec"
    ),
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
    for name, comment in COLUMNS.items():
        op.execute(f"COMMENT ON COLUMN ops.promotions.{name} IS {literal(comment)}")
