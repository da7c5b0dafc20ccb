"""Alembic migrations of leadmill's own tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from leadmill.storage.database import engine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade() -> None:
    """Bring leadmill's database to the newest migration; nothing happens where it is there already."""
    command.upgrade(_config(), "head")


def pending() -> bool:
    """Whether the database is behind the migrations of this version."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "leadmill_alembic_version"})
        return context.get_current_revision() != head
