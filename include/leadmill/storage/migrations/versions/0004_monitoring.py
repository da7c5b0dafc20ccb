"""What watching finds, alerts, what each run handled, and what people did with the scores."""

from alembic import op

from leadmill.storage.literals import comment_on, literal

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE ops.drift_reference (
    use_case      text NOT NULL,
    model_version text NOT NULL,
    subject       text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('number', 'category')),
    cuts          double precision[],
    levels        text[],
    counts        jsonb NOT NULL,
    missing       jsonb NOT NULL,
    entities      bigint NOT NULL,
    cutoff        timestamptz NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, model_version, subject),
    CHECK ((cuts IS NULL) <> (levels IS NULL))
);

CREATE TABLE ops.drift (
    use_case           text NOT NULL,
    run_id             text NOT NULL,
    subject            text NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('number', 'category', 'score')),
    model_version      text NOT NULL,
    as_of              timestamptz NOT NULL,
    since              timestamptz,
    rows               bigint NOT NULL,
    entities           bigint NOT NULL,
    reference_entities bigint,
    psi                double precision,
    test               text NOT NULL CHECK (test IN ('kolmogorov_smirnov', 'chi_squared')),
    statistic          double precision,
    p_value            double precision,
    missing            double precision,
    reference_missing  double precision,
    missing_p_value    double precision,
    new_share          double precision,
    new_levels         jsonb NOT NULL DEFAULT '{}',
    judged             boolean NOT NULL,
    alarms             text[] NOT NULL,
    PRIMARY KEY (use_case, run_id, subject)
);
CREATE INDEX drift_by_time ON ops.drift (use_case, as_of);

CREATE TABLE ops.bands (
    use_case      text NOT NULL,
    run_id        text NOT NULL,
    band          text NOT NULL,
    model_version text NOT NULL,
    as_of         timestamptz NOT NULL,
    entities      bigint NOT NULL,
    share         double precision NOT NULL,
    promised      double precision NOT NULL,
    PRIMARY KEY (use_case, run_id, band)
);

CREATE TABLE ops.performance (
    use_case          text NOT NULL,
    run_id            text NOT NULL,
    days              int NOT NULL,
    as_of             timestamptz NOT NULL,
    since             timestamptz NOT NULL,
    until             timestamptz NOT NULL,
    entities          bigint NOT NULL,
    positives         bigint NOT NULL,
    conversion        double precision,
    mean_probability  double precision,
    gap_low           double precision,
    gap_high          double precision,
    roc_auc           double precision,
    roc_auc_low       double precision,
    roc_auc_high      double precision,
    pr_auc            double precision,
    pr_auc_low        double precision,
    pr_auc_high       double precision,
    lift_at_10        double precision,
    lift_at_10_low    double precision,
    lift_at_10_high   double precision,
    brier             double precision,
    log_loss          double precision,
    calibration_error double precision,
    reliability       jsonb NOT NULL,
    versions          jsonb NOT NULL,
    alarms            text[] NOT NULL,
    PRIMARY KEY (use_case, run_id, days)
);
CREATE INDEX performance_by_time ON ops.performance (use_case, as_of);

CREATE TABLE ops.band_outcomes (
    use_case   text NOT NULL,
    run_id     text NOT NULL,
    days       int NOT NULL,
    band       text NOT NULL,
    as_of      timestamptz NOT NULL,
    entities   bigint NOT NULL,
    positives  bigint NOT NULL,
    conversion double precision,
    low        double precision,
    high       double precision,
    PRIMARY KEY (use_case, run_id, days, band)
);

CREATE TABLE ops.freshness (
    use_case text NOT NULL,
    run_id   text NOT NULL,
    stage    text NOT NULL,
    as_of    timestamptz NOT NULL,
    newest   timestamptz,
    age      interval,
    deadline interval NOT NULL,
    late     boolean NOT NULL,
    PRIMARY KEY (use_case, run_id, stage)
);

CREATE TABLE ops.storage (
    use_case text NOT NULL,
    run_id   text NOT NULL,
    relation text NOT NULL,
    as_of    timestamptz NOT NULL,
    rows     bigint,
    bytes    bigint NOT NULL,
    PRIMARY KEY (use_case, run_id, relation)
);

CREATE TABLE ops.alerts (
    alert_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case    text NOT NULL,
    watch       text NOT NULL CHECK (watch IN ('drift', 'performance', 'freshness')),
    subject     text NOT NULL,
    kind        text NOT NULL,
    message     text NOT NULL,
    opened_at   timestamptz NOT NULL,
    opened_by   text NOT NULL,
    seen_at     timestamptz NOT NULL,
    closed_at   timestamptz,
    notified_at timestamptz
);
CREATE UNIQUE INDEX one_open_alert ON ops.alerts (use_case, watch, subject, kind) WHERE closed_at IS NULL;

CREATE TABLE ops.follow_ups (
    follow_up_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case     text NOT NULL CHECK (use_case ~ '^[a-z][a-z0-9_]*$'),
    entity_key   text NOT NULL CHECK (length(btrim(entity_key)) BETWEEN 1 AND 200),
    kind         text NOT NULL CHECK (kind IN ('contacted', 'outcome', 'override', 'override_withdrawn')),
    outcome      text CHECK (outcome IN ('positive', 'negative', 'unreachable')),
    band         text CHECK (length(btrim(band)) BETWEEN 1 AND 55),
    author       text NOT NULL CHECK (length(btrim(author)) BETWEEN 1 AND 200),
    reason       text CHECK (length(reason) <= 2000),
    happened_at  timestamptz NOT NULL,
    entered_by   text NOT NULL DEFAULT session_user,
    entered_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT an_outcome_says_which CHECK ((kind = 'outcome') = (outcome IS NOT NULL)),
    CONSTRAINT an_override_names_a_band CHECK ((kind = 'override') = (band IS NOT NULL)),
    CONSTRAINT an_override_gives_a_reason
        CHECK (kind NOT IN ('override', 'override_withdrawn') OR length(btrim(coalesce(reason, ''))) > 0)
);
CREATE INDEX follow_ups_by_entity ON ops.follow_ups (use_case, entity_key, happened_at);

CREATE TABLE ops.following (
    use_case   text NOT NULL,
    run_id     text NOT NULL,
    days       int NOT NULL,
    band       text NOT NULL,
    as_of      timestamptz NOT NULL,
    entities   bigint NOT NULL,
    contacted  bigint NOT NULL,
    share      double precision,
    low        double precision,
    high       double precision,
    overridden bigint NOT NULL,
    agreement  double precision,
    PRIMARY KEY (use_case, run_id, days, band)
);
"""

_USE_CASE, _RUN = "Name of the use case", "Airflow run that looked"
_AS_OF = "When it looked, by the source's clock"
_COMMON = {"use_case": _USE_CASE, "run_id": _RUN, "as_of": _AS_OF}
_LOW, _HIGH = "Lower end of the 95 % interval", "Upper end of the 95 % interval"
_DAYS = "Length of the trailing window in days"

COMMENTS = {
    "ops.drift_reference": (
        "What the training data of a model version looked like, input by input: bins and counts, made once a version",
        {
            "use_case": _USE_CASE,
            "model_version": "Version in the registry",
            "subject": "Name of the feature",
            "kind": "number (cuts) or category (levels)",
            "cuts": "Quantiles of the training values, rising: bin n holds values from cut n-1 to below cut n",
            "levels": "Levels of the training values, commonest first; one more count is of all rarer ones together",
            "counts": "Age of the training row (position in the spec's as_of, else 0) -> rows per bin, filled ones out",
            "missing": "Age of the training row -> rows in which the value was missing",
            "entities": "Distinct entities among the training rows",
            "cutoff": "Training rows as known at this time, by the source's clock",
            "made_at": "Wall time",
        },
    ),
    "ops.drift": (
        "One row per run and watched subject: recent rows against the training data",
        {
            **_COMMON,
            "subject": "Name of the feature, or 'score' for the published probabilities",
            "kind": "number, category or score",
            "model_version": "Champion whose training data is the reference",
            "since": "Rows after this time (to as_of) are the recent ones; null: the scores as published now",
            "rows": "Recent rows",
            "entities": "Distinct entities among them: the size by which the tests judge",
            "reference_entities": "Distinct entities in the reference; null for the score, whose quantiles are frozen",
            "psi": "Population stability index over the observed values",
            "test": "kolmogorov_smirnov of numbers and scores, chi_squared of categories",
            "statistic": "Of the test",
            "p_value": "Of the test, by entities instead of rows: rows of one entity are not independent",
            "missing": "Share of recent rows in which the value was missing",
            "reference_missing": "The same in the training data, at the ages of the recent rows",
            "missing_p_value": "Chi-squared test of the two shares, by entities",
            "new_share": "Share of recent rows with a level that the training data has not",
            "new_levels": "At most five of those levels with their rows, commonest first",
            "judged": "Whether there were enough entities for a verdict",
            "alarms": "Of distribution, missing and new_levels, those that are beyond the spec's thresholds",
        },
    ),
    "ops.bands": (
        "One row per run and band: the population that is scored now, by band",
        {
            **_COMMON,
            "band": "Band",
            "model_version": "Champion",
            "entities": "Entities in the band",
            "share": "Their share",
            "promised": "Share of the band in the spec, which held at promotion",
        },
    ),
    "ops.performance": (
        "Scores as they were issued against the outcomes known now: one row per run and trailing window, of each "
        "entity the first score issued in the window whose outcome has matured",
        {
            **_COMMON,
            "days": _DAYS,
            "since": "Scores issued after this time ...",
            "until": "... up to this one, since when every outcome has matured",
            "entities": "Entities",
            "positives": "Of them with a positive outcome within the horizon",
            "conversion": "Their share",
            "mean_probability": "Mean of the issued probabilities",
            "gap_low": "Mean probability less conversion: " + _LOW.lower(),
            "gap_high": "Mean probability less conversion: " + _HIGH.lower(),
            "roc_auc": "Area under the ROC curve",
            "roc_auc_low": _LOW,
            "roc_auc_high": _HIGH,
            "pr_auc": "Average precision",
            "pr_auc_low": _LOW,
            "pr_auc_high": _HIGH,
            "lift_at_10": "Conversion of the best-scored tenth over the conversion of all",
            "lift_at_10_low": _LOW,
            "lift_at_10_high": _HIGH,
            "brier": "Mean squared difference of probability and outcome",
            "log_loss": "Mean negative logarithm of the probability of what came true",
            "calibration_error": "Expected calibration error over tenths of the scores",
            "reliability": "Per tenth of the scores, highest first: entities, mean probability, conversion",
            "versions": "Model version -> entities scored by it",
            "alarms": "Of ranking and calibration, those that are beyond the spec's thresholds",
        },
    ),
    "ops.band_outcomes": (
        "Conversion by band of the scores as they were issued, over the same entities as in ops.performance",
        {
            **_COMMON,
            "days": _DAYS,
            "band": "Band of the score as issued",
            "entities": "Entities",
            "positives": "Of them with a positive outcome within the horizon",
            "conversion": "Their share",
            "low": _LOW + " (Wilson)",
            "high": _HIGH + " (Wilson)",
        },
    ),
    "ops.freshness": (
        "One row per run and stage: how old its newest result is, by the source's clock, against its deadline",
        {
            **_COMMON,
            "stage": "extract, publish, materialize, score or train",
            "newest": "Through when its results reach; null where there is none",
            "age": "as_of less newest",
            "deadline": "The most that the spec allows",
            "late": "Whether it is older, or blocked, or absent",
        },
    ),
    "ops.storage": (
        "One row per run and table of the use case: what it takes on disk",
        {
            **_COMMON,
            "relation": "Schema and name of the table",
            "rows": "Postgres's own estimate; null before it has counted",
            "bytes": "With indexes and TOAST",
        },
    ),
    "ops.alerts": (
        "One row per finding that went beyond a threshold, from its opening until a run found it gone",
        {
            "alert_id": "Number of the alert",
            "use_case": _USE_CASE,
            "watch": "drift, performance or freshness",
            "subject": "Feature, window or stage that it is about",
            "kind": "Which threshold",
            "message": "The finding with its figures, as last seen",
            "opened_at": "Run that first found it, by the source's clock",
            "opened_by": "Airflow run that first found it",
            "seen_at": "Run that last found it, by the source's clock",
            "closed_at": "Run that no longer found it, by the source's clock; null: open",
            "notified_at": "Wall time at which the notifiers had taken it; null: not yet",
        },
    ),
    "ops.follow_ups": (
        "What people and systems did with the scores; they INSERT here, nothing is ever changed. The model does not "
        "learn from it: training takes its labels from the source",
        {
            "follow_up_id": "Number of the row",
            "use_case": _USE_CASE,
            "entity_key": "Key of the entity, as in the table of scores",
            "kind": "contacted, outcome, override (of the band; the score stays what it is) or override_withdrawn",
            "outcome": "positive, negative or unreachable; of kind outcome only",
            "band": "Band by which the author wants it treated; of kind override only",
            "author": "Who did it: a person, or the name of a system",
            "reason": "Why; an override must say it",
            "happened_at": "When it was done, by the source's clock",
            "entered_by": "Database role that inserted the row; not to be given",
            "entered_at": "Wall time of the insertion; not to be given",
        },
    ),
    "ops.following": (
        "How far people follow the score: of each entity the first score issued in the trailing window, by band",
        {
            **_COMMON,
            "days": _DAYS,
            "band": "Band of the score as issued; all: every band together",
            "entities": "Entities",
            "contacted": "Of them contacted after the score was issued",
            "share": "Their share",
            "low": _LOW + " (Wilson)",
            "high": _HIGH + " (Wilson)",
            "overridden": "Of them with an override in force",
            "agreement": "Probability that a contacted entity has a higher score than one that was not: 0.5 by chance, "
            "1 where the best are called first; of 'all' only",
        },
    ),
}

COSTS = {
    "rows": ("bigint", "Rows that the stage handled, where it can tell"),
    "bytes": ("bigint", "Bytes that the server wrote to its log meanwhile, those of others who wrote then included"),
}
GIVEN = "use_case, entity_key, kind, outcome, band, author, reason, happened_at"

# Who migrates may not make roles where others set the server up (deploy/postgres/roles.sql, which runs only once).
MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leadmill_follow_up') THEN
        CREATE ROLE leadmill_follow_up NOLOGIN;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role leadmill_follow_up is missing, and % may not make it. Run as postgres, then try again: '
        'CREATE ROLE leadmill_follow_up NOLOGIN; GRANT CONNECT ON DATABASE % TO leadmill_follow_up;',
        current_user, current_database();
END $$
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    comment_on(COMMENTS, op.execute)
    for name, (kind, comment) in COSTS.items():
        op.execute(f"ALTER TABLE ops.runs ADD COLUMN {name} {kind}")
        op.execute(f"COMMENT ON COLUMN ops.runs.{name} IS {literal(comment)}")
    op.execute(MAKE_ROLE)
    op.execute("GRANT USAGE ON SCHEMA ops, scores TO leadmill_follow_up")
    op.execute(f"GRANT SELECT, INSERT ({GIVEN}) ON ops.follow_ups TO leadmill_follow_up")
