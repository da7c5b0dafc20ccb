"""What the check of a window has seen of the keys of its rows: publishing need not ask again."""

from alembic import op

from leadmill.storage.literals import literal

revision = "0013"
down_revision = "0012"

KEYS_ONCE = "Whether each row was seen to be about another entity; null: not checked yet"


def upgrade() -> None:
    op.execute("ALTER TABLE ops.windows ADD COLUMN keys_once boolean")
    op.execute(f"COMMENT ON COLUMN ops.windows.keys_once IS {literal(KEYS_ONCE)}")
