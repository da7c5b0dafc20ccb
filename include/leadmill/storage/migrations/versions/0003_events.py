"""Windows of event sources: feature rows and donors they prepared, entities that have no features yet."""

from alembic import op

from leadmill.storage.literals import literal

revision = "0003"
down_revision = "0002"

COLUMNS = {
    "prepared": ("bigint", "Feature rows prepared; of a snapshot one per accepted row, of events one per moment"),
    "spec_version": ("text", "Version of the spec that read it"),
    "donors": ("bigint", "Prepared rows that imputers may learn from"),
    "waiting": (
        "bigint NOT NULL DEFAULT 0",
        "Entities that facts name and that have no features yet, because the source has not declared them",
    ),
}


def upgrade() -> None:
    for name, (kind, comment) in COLUMNS.items():
        op.execute(f"ALTER TABLE ops.windows ADD COLUMN {name} {kind}")
        op.execute(f"COMMENT ON COLUMN ops.windows.{name} IS {literal(comment)}")
    op.execute("UPDATE ops.windows SET prepared = accepted")
