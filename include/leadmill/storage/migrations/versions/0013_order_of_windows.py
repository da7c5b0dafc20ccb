"""What the check of a window has seen of the order and the keys of its rows: the next stages need not ask again."""

from alembic import op

from leadmill.storage.literals import literal

revision = "0013"
down_revision = "0012"

COLUMNS = {
    "in_order": "Whether its rows were seen to come in the order of the watermark; null: not checked yet",
    "keys_once": "Whether each row was seen to be about another entity; null: not checked yet",
}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        op.execute(f"ALTER TABLE ops.windows ADD COLUMN {name} boolean")
        op.execute(f"COMMENT ON COLUMN ops.windows.{name} IS {literal(comment)}")
