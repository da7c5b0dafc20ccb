"""The tables of the simulated CRM: ``crm`` is what is recorded by the clock, ``sim`` what nobody may know."""

from sqlalchemy import Connection, text

from leadmill.demo.source_steps import CLOCK, CLOCK_COLUMNS, offer
from leadmill.storage.literals import Comments, comment_on

FACTS = ("leads", "activities", "web_visits", "outcomes")

_RECORDED = "When the warehouse learned it"
_LEAD = "Lead; a UUID, where it is not malformed"

_TABLES = """
CREATE SCHEMA crm;
COMMENT ON SCHEMA crm IS 'A simulated CRM: append-only facts, each with the time at which it was recorded';
CREATE SCHEMA sim;
COMMENT ON SCHEMA sim IS 'Behind the simulated CRM: its future and its truth; the pipeline''s role may not read it';
CREATE TABLE crm.leads (
    lead_id text, changed_at timestamptz, origin text, source text, occupation text, country text, city text,
    specialization text, do_not_email text, do_not_call text, activity_index text, profile_index text,
    submitted_at timestamptz, effective_start_date date, deleted boolean, recorded_at timestamptz NOT NULL
);
CREATE TABLE crm.activities (
    activity_id bigint, lead_id text, kind text, occurred_at timestamptz, recorded_at timestamptz NOT NULL
);
CREATE TABLE crm.web_visits (
    visit_id bigint, lead_id text, visited_at timestamp, pages int, seconds int, recorded_at timestamptz NOT NULL
);
CREATE TABLE crm.outcomes (
    lead_id text, outcome text, occurred_at timestamptz, recorded_at timestamptz NOT NULL
);
CREATE TABLE sim.truth (
    lead_id text, regime smallint NOT NULL, intent smallint NOT NULL, submitted_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL, filled_at timestamptz, closed_at timestamptz, won boolean,
    deleted_at timestamptz, codes int[] NOT NULL, missing smallint[] NOT NULL, kinds smallint[] NOT NULL,
    occurred int[] NOT NULL, recorded int[] NOT NULL, pages int[] NOT NULL, seconds int[] NOT NULL
);
CREATE TABLE sim.runs (
    run_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    leads int NOT NULL, days double precision NOT NULL, seed bigint NOT NULL, drift boolean NOT NULL,
    clock timestamptz NOT NULL, recorded jsonb NOT NULL, pending jsonb NOT NULL,
    last_activity_id bigint NOT NULL, last_visit_id bigint NOT NULL
);
"""

_FACT_COMMENTS: Comments = {
    "leads": (
        "Versions of leads: the newest says how a lead is",
        {
            "lead_id": _LEAD,
            "changed_at": "When it became so",
            "origin": "How the lead came in",
            "source": "Where the lead came from",
            "occupation": "What the lead does; Select or null where not given",
            "country": "Country",
            "city": "City; Select or null where not given",
            "specialization": "Field of interest",
            "do_not_email": "Yes: wants no e-mail",
            "do_not_call": "Yes: wants no calls",
            "activity_index": "01.High, 02.Medium or 03.Low",
            "profile_index": "01.High, 02.Medium or 03.Low",
            "submitted_at": "When the lead came in",
            "effective_start_date": "When the lead wishes to start",
            "deleted": "The lead was deleted",
            "recorded_at": _RECORDED,
        },
    ),
    "activities": (
        "What leads did and what was done with them",
        {
            "activity_id": "Number of the activity; the same when it is sent again",
            "lead_id": _LEAD,
            "kind": "Kind of activity",
            "occurred_at": "When it happened",
            "recorded_at": _RECORDED,
        },
    ),
    "web_visits": (
        "Visits of leads to the website, from a tracker that knows no time zones",
        {
            "visit_id": "Number of the visit; the same when it is sent again",
            "lead_id": _LEAD,
            "visited_at": "When it began, by the clocks of Europe/Berlin",
            "pages": "Pages seen",
            "seconds": "Seconds spent",
            "recorded_at": _RECORDED,
        },
    ),
    "outcomes": (
        "How leads ended",
        {
            "lead_id": _LEAD,
            "outcome": "won, lost, or reopened after it was lost",
            "occurred_at": "When it happened",
            "recorded_at": _RECORDED,
        },
    ),
}

_OTHER_COMMENTS: Comments = {
    "crm.clock": ("The CRM's present, in one row", CLOCK_COLUMNS),
    "sim.truth": (
        "What is true of each lead, its future included; times in arrays are seconds since submitted_at",
        {
            "lead_id": "Lead",
            "regime": "World that it comes from: 0 regular, 1 drifted",
            "intent": "Hidden class: 0 cold, 1 warm, 2 hot",
            "submitted_at": "When it came in",
            "recorded_at": "When the warehouse learned of it",
            "filled_at": "When the warehouse learned what was not given at submission",
            "closed_at": "When it is won or lost",
            "won": "Won, not lost",
            "deleted_at": "When it is deleted",
            "codes": "Attributes, as positions in leadmill.demo.crm.tables.LEVELS, then the days to the wished start",
            "missing": "Not given at submission, in the order of leadmill.demo.crm.tables.FILLABLE",
            "kinds": "Activities, as positions in leadmill.demo.crm.tables.KINDS",
            "occurred": "When they happen",
            "recorded": "When the warehouse learns of them",
            "pages": "Pages of the visits, 0 for others",
            "seconds": "Seconds of the visits, 0 for others",
        },
    ),
    "sim.runs": (
        "The load, run 1, and each simulation after it",
        {
            "run_no": "Number",
            "leads": "New leads",
            "days": "Days of history, or by which the clock moved",
            "seed": "Seed",
            "drift": "New leads came from the drifted world",
            "clock": "The clock afterwards",
            "recorded": "Rows that were recorded, per table of crm",
            "pending": "Rows that are not recorded yet, per table",
            "last_activity_id": "Highest number given to an activity",
            "last_visit_id": "Highest number given to a visit",
        },
    ),
}


def create(connection: Connection) -> None:
    """Make both schemas; the pipeline's role may read ``crm``."""
    connection.exec_driver_sql(_TABLES + CLOCK.format(schema="crm"))
    comments = {f"crm.{table}": comment for table, comment in _FACT_COMMENTS.items()} | dict(_OTHER_COMMENTS)
    comment_on(comments, lambda statement: connection.execute(text(statement)))
    for table in FACTS:
        connection.exec_driver_sql(f"CREATE TABLE sim.{table} (LIKE crm.{table} INCLUDING ALL)")
        connection.execute(text(f"COMMENT ON TABLE sim.{table} IS 'Rows of crm.{table} that are not recorded yet'"))
    offer(connection, "crm", FACTS, "leads")


def create_indexes(connection: Connection) -> None:
    """After the load, which is faster without them."""
    for table in FACTS:
        for schema in ("crm", "sim"):
            connection.exec_driver_sql(f"CREATE INDEX ON {schema}.{table} (recorded_at)")
    connection.exec_driver_sql("ALTER TABLE sim.truth ADD PRIMARY KEY (lead_id)")
    connection.exec_driver_sql(f"ANALYZE {', '.join(f'crm.{table}' for table in FACTS)}, sim.truth")
