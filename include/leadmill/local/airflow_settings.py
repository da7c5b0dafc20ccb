"""Airflow's configuration for one machine, as AIRFLOW__* variables."""

from pathlib import Path

from leadmill.local.credentials import Credentials
from leadmill.local.ports import Ports
from leadmill.local.postgres import HOST
from leadmill.local.state import StateFolder

PARALLEL_TASKS = 4
# The supervisor of a task often misses its end, and looks again after a heartbeat interval; until then its worker takes
# no other task. So the interval is short, and there are more workers than tasks at a time.
_HEARTBEAT_SECONDS = 1
_WORKERS = 2 * PARALLEL_TASKS


def airflow_variables(home: Path, state: StateFolder, credentials: Credentials, ports: Ports) -> dict[str, str]:
    """AIRFLOW_HOME and AIRFLOW__SECTION__KEY variables; they contain secrets."""
    url = f"http://{HOST}:{ports.airflow}"
    database = f"postgresql+psycopg2://leadmill:{credentials.leadmill}@{HOST}:{ports.postgres}/airflow"
    sections: dict[str, dict[str, str]] = {
        "core": {
            "dags_folder": str(home / "dags"),
            "plugins_folder": str(home / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": str(_WORKERS),
            "default_pool_task_slot_count": str(PARALLEL_TASKS),
            "load_examples": "False",
            "fernet_key": credentials.airflow_fernet_key,
            "execution_api_server_url": f"{url}/execution/",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": "admin:admin,viewer:viewer",
            "simple_auth_manager_passwords_file": str(password_file(state)),
            # The default asks the name service, which can hang on a machine without network.
            "hostname_callable": "socket.gethostname",
            # The wording of an error is at its innermost frames; two frames often hide the DAG file's own line.
            "dagbag_import_error_traceback_depth": "6",
            "min_serialized_dag_update_interval": "5",
        },
        "database": {"sql_alchemy_conn": database},
        "api": {
            "host": HOST,
            "port": str(ports.airflow),
            "base_url": url,
            "workers": "1",
            "secret_key": credentials.airflow_api_secret,
        },
        "api_auth": {"jwt_secret": credentials.airflow_jwt_secret},
        "scheduler": {
            # Between two tasks of a chain this sleep is most of the waiting.
            "scheduler_idle_sleep_time": "0.1",
            # After a kill -9, tasks that the dead scheduler left are found again in seconds, not in five minutes.
            "orphaned_tasks_check_interval": "20",
            "task_instance_heartbeat_timeout": "60",
        },
        "triggerer": {"job_heartbeat_sec": "2", "triggerer_health_check_threshold": "12"},
        "workers": {
            "execution_api_timeout": "30",
            "min_heartbeat_interval": str(_HEARTBEAT_SECONDS),
            # As long without an answer as Airflow's own figures allow, 3 times 5 s.
            "max_failed_heartbeats": str(15 // _HEARTBEAT_SECONDS),
        },
        "dag_processor": {
            "refresh_interval": "5",
            "bundle_refresh_check_interval": "2",
            "disable_bundle_versioning": "True",
            "dag_bundle_storage_path": str(state.airflow / "bundles"),
            "print_stats_interval": "0",
        },
        "logging": {"base_log_folder": str(state.airflow / "logs"), "colored_console_log": "False"},
    }
    settings = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, keys in sections.items()
        for key, value in keys.items()
    }
    return {"AIRFLOW_HOME": str(state.airflow), **settings}


def password_file(state: StateFolder) -> Path:
    """Where SimpleAuthManager reads the passwords of admin and viewer."""
    return state.airflow / "passwords.json"
