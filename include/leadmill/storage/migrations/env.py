"""Alembic environment: one connection to leadmill's database, one transaction for all migrations."""

from alembic import context

from leadmill.storage.database import engine

with engine().connect() as connection:
    context.configure(connection=connection, version_table="leadmill_alembic_version")
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
