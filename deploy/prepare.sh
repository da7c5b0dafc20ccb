#!/bin/sh
# Brings the databases of Airflow, leadmill, MLflow and Feast up to date before anything else starts. It runs at every
# start, and changes nothing where nothing is to be done.
set -eu
airflow db migrate
exec python - <<'PYTHON'
from leadmill.features.store import feature_store
from leadmill.registry.store import client
from leadmill.storage import migrate

migrate.upgrade()
# Both make their tables on first use; two workers that did so at once would be in each other's way.
client().search_experiments()
feature_store()
PYTHON
