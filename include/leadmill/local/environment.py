"""The environment variables that a stack's processes, tools and tests run with."""

from pathlib import Path

from leadmill.local.airflow_settings import airflow_variables
from leadmill.local.credentials import Credentials
from leadmill.local.ports import Ports
from leadmill.local.postgres import HOST
from leadmill.local.state import StateFolder
from leadmill.names import READER_ROLE
from leadmill.storage.api_keys import derived_key

QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "FEAST_USAGE": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Making its tables is no news for the person who started the demo.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "true",
}


# In the shell of somebody who then works in another checkout, these would send its reset to this stack.
NOT_SHARED = ("LEADMILL_HOME", "LEADMILL_STATE")


def variables(home: Path, state: StateFolder, credentials: Credentials, ports: Ports) -> dict[str, str]:
    """All variables of the running stack; they contain secrets."""

    def url(role: str, password: str, database: str, scheme: str = "postgresql") -> str:
        return f"{scheme}://{role}:{password}@{HOST}:{ports.postgres}/{database}"

    mlflow = url("leadmill", credentials.leadmill, "mlflow")
    return {
        "LEADMILL_HOME": str(home),
        "LEADMILL_STATE": str(state.root),
        "LEADMILL_DATABASE_URL": url("leadmill", credentials.leadmill, "leadmill"),
        "LEADMILL_READER_URL": url(READER_ROLE, credentials.leadmill_reader, "leadmill"),
        "LEADMILL_WAREHOUSE_URL": url("warehouse", credentials.warehouse, "warehouse"),
        "AIRFLOW_CONN_WAREHOUSE": url("leadmill_source", credentials.leadmill_source, "warehouse"),
        "LEADMILL_MLFLOW_URL": mlflow,
        "MLFLOW_TRACKING_URI": mlflow,
        "LEADMILL_FEAST_REGISTRY_URL": url("leadmill", credentials.leadmill, "feast", "postgresql+psycopg"),
        "LEADMILL_API_URL": f"http://{HOST}:{ports.api}",
        "LEADMILL_API_KEY": derived_key(credentials.airflow_jwt_secret),
        "LEADMILL_PG_HOST": HOST,
        "LEADMILL_PG_PORT": str(ports.postgres),
        "LEADMILL_PG_USER": "leadmill",
        "LEADMILL_PG_PASSWORD": credentials.leadmill,
        "LEADMILL_PG_DATABASE": "leadmill",
        "AIRFLOW_URL": f"http://{HOST}:{ports.airflow}",
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": credentials.airflow_admin,
        "AIRFLOW_VIEWER_PASSWORD": credentials.airflow_viewer,
        **airflow_variables(home, state, credentials, ports),
        **QUIET,
    }


def shared_with_people(all_variables: dict[str, str]) -> dict[str, str]:
    """Those that ``./leadmill env`` prints: what psql, the feast CLI, MLflow and REST clients need."""
    wanted = ("LEADMILL_", "AIRFLOW_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "AIRFLOW_CONN_", "MLFLOW_")
    return {name: value for name, value in all_variables.items() if name.startswith(wanted) and name not in NOT_SHARED}
