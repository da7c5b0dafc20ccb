"""A Postgres online store for Feast with one typed row per entity, and the engine that fills it inside the database."""
