"""What tunings tried and found, and the parameters that trainings take from them."""

from alembic import op

from leadmill.storage.literals import comment_on, literal

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE SCHEMA optuna;

CREATE TABLE ops.studies (
    use_case         text NOT NULL,
    study            text NOT NULL,
    month            text NOT NULL,
    spec_version     text NOT NULL,
    data_fingerprint text NOT NULL,
    mlflow_run_id    text NOT NULL,
    metric           text NOT NULL,
    trials           int NOT NULL,
    minutes          double precision NOT NULL,
    run_id           text NOT NULL,
    reason           text NOT NULL,
    begun_at         timestamptz NOT NULL,
    ended_at         timestamptz,
    ended_by         text CHECK (ended_by IN ('trials', 'minutes')),
    PRIMARY KEY (use_case, study),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE TABLE ops.trials (
    use_case   text NOT NULL,
    study      text NOT NULL,
    candidate  text NOT NULL,
    number     int NOT NULL,
    state      text NOT NULL CHECK (state IN ('running', 'complete', 'pruned', 'failed')),
    params     jsonb NOT NULL,
    value      double precision,
    folds      jsonb NOT NULL,
    seconds    double precision NOT NULL,
    run_id     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, study, candidate, number),
    FOREIGN KEY (use_case, study) REFERENCES ops.studies
);

CREATE TABLE ops.params (
    params_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case         text NOT NULL,
    candidate        text NOT NULL,
    params           jsonb NOT NULL,
    study            text,
    trial            int,
    figures          jsonb NOT NULL,
    data_fingerprint text,
    actor            text NOT NULL,
    reason           text NOT NULL,
    decided_at       timestamptz NOT NULL,
    FOREIGN KEY (use_case, study) REFERENCES ops.studies
);
CREATE INDEX params_by_candidate ON ops.params (use_case, candidate, params_id);

ALTER TABLE ops.models ADD COLUMN parameters jsonb;
"""

COMMENTS = {
    "ops.studies": (
        "One row per tuning of a use case on one set of data, whichever runs worked on it",
        {
            "use_case": "Name of the use case",
            "study": "Month, version of the spec and beginning of the data's fingerprint",
            "month": "Month in which it began, by the source's clock",
            "spec_version": "Version of the spec",
            "data_fingerprint": "SHA-256 of the whole training frame; the folds are of its training part only",
            "mlflow_run_id": "MLflow run that holds the frame",
            "metric": "What is judged by: the spec's metric, mean over the folds",
            "trials": "Asked for: trials of each candidate, in all",
            "minutes": "Asked for: minutes of work, in all",
            "run_id": "Run that worked on it last, as Airflow names it",
            "reason": "Why, as that run gave it",
            "begun_at": "When it began, by the source's clock",
            "ended_at": "When it ended, by the source's clock; null: under way, or cut off and to be resumed",
            "ended_by": "What ended it: trials (all done) or minutes; null as ended_at",
        },
    ),
    "ops.trials": (
        "One row per trial of a study: one set of parameters, judged by grouped folds; trial 0 is the defaults",
        {
            "use_case": "Name of the use case",
            "study": "Study it belongs to",
            "candidate": "Candidate of the spec",
            "number": "Number within study and candidate: 0, 1, ...",
            "state": "running (or cut off and to be resumed), complete, pruned (too bad after some folds), failed",
            "params": "Parameters that were tried",
            "value": "Mean of the metric over all folds; null unless complete",
            "folds": "The metric in each fold so far",
            "seconds": "Time of its fits, those before a kill included",
            "run_id": "Run that worked on it last, as Airflow names it",
            "started_at": "When it began, wall time",
        },
    ),
    "ops.params": (
        "One row per decision about a candidate's parameters; the newest of a candidate is what trainings use",
        {
            "params_id": "Number of the row",
            "use_case": "Name of the use case",
            "candidate": "Candidate of the spec",
            "params": "Parameters in place of the defaults; empty: the defaults",
            "study": "Study they come from; null where decided by hand",
            "trial": "Number of the trial; null where decided by hand",
            "figures": "Metric of trial and defaults on the same folds, mean gain and its standard error, trials made",
            "data_fingerprint": "SHA-256 of the training frame they were judged on; null where decided by hand",
            "actor": "Who or which run decided",
            "reason": "Why, in a sentence",
            "decided_at": "When, by the source's clock",
        },
    ),
}
PARAMETERS = "Parameters it was fitted with, the study and the trial they come from; null: the defaults"


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
    op.execute(f"COMMENT ON COLUMN ops.models.parameters IS {literal(PARAMETERS)}")
    op.execute("COMMENT ON SCHEMA optuna IS 'Studies as Optuna keeps them; people read ops.trials'")
