"""Registers leadmill's pages in Airflow, behind Airflow's own login."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from leadmill.orchestration.links import ROOT
from leadmill.orchestration.pages import pages


class LeadmillPlugin(AirflowPlugin):
    """Data Docs, windows and MLflow runs at /leadmill, and an entry in the navigation."""

    name = "leadmill"
    fastapi_apps: ClassVar = [{"app": pages(), "url_prefix": ROOT, "name": "leadmill"}]
    external_views: ClassVar = [{"name": "leadmill", "href": f"{ROOT}/", "destination": "nav", "url_route": "leadmill"}]
