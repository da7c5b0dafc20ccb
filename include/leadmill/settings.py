"""The one door by which the environment enters."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from leadmill.errors import MissingSetting, UnreadableSetting, WrongSetting

ROOT = Path(__file__).resolve().parents[2]
_PREDICTION_DAYS = "LEADMILL_PREDICTION_DAYS"
_MOST_DAYS = 3650


@dataclass(frozen=True)
class Settings:
    """Where things are; read once from the environment by :func:`current`."""

    home: Path
    use_cases: Path
    feature_repo: Path
    state: Path
    data_docs: Path
    mlflow_artifacts: Path
    kill_at: str | None
    default_use_case: str | None

    @property
    def prediction_days(self) -> int:
        """For how many days ``ops.predictions`` keeps a row: 1 to 3650, else 90. Raises WrongSetting."""
        given = os.environ.get(_PREDICTION_DAYS) or "90"
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= _MOST_DAYS):
            raise WrongSetting(_PREDICTION_DAYS, given, f"a whole number of days from 1 to {_MOST_DAYS}")
        return int(given)

    @property
    def database_url(self) -> str:
        """SQLAlchemy-free URL (postgresql://) of leadmill's own database."""
        return required("LEADMILL_DATABASE_URL")

    @property
    def mlflow_url(self) -> str:
        """URL of MLflow's tracking and registry database (postgresql://)."""
        return required("LEADMILL_MLFLOW_URL")

    @property
    def warehouse_url(self) -> str:
        """URL by which the demo loader writes into its warehouse (postgresql://); the pipeline never uses it."""
        return required("LEADMILL_WAREHOUSE_URL")

    def connection_url(self, connection: str) -> str:
        """URL of the Airflow connection of that name, from ``AIRFLOW_CONN_<NAME>``."""
        return required(f"AIRFLOW_CONN_{connection.upper()}")


def required(variable: str) -> str:
    """Value of an environment variable that must be set, or the text of the file that ``<variable>_FILE`` names.

    The file is for passwords: a process's environment is shown by more programs than a file of its own. The variable
    itself wins where both are set. Raises MissingSetting, also where the file is empty, and UnreadableSetting.
    """
    value = os.environ.get(variable) or _in_file(variable)
    if not value:
        raise MissingSetting(variable)
    return value


def export(*variables: str) -> None:
    """Put required settings into this process's environment, for libraries that read nothing else."""
    apply({name: required(name) for name in variables})


def forget(beginning: str) -> None:
    """Take every variable whose name begins so out of this process's environment."""
    for name in [name for name in os.environ if name.startswith(beginning)]:
        del os.environ[name]


def _in_file(variable: str) -> str | None:
    file = os.environ.get(f"{variable}_FILE")
    if not file:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSetting(f"{variable}_FILE", file, error) from error


@cache
def current() -> Settings:
    """The settings of this process."""
    home = Path(os.environ.get("LEADMILL_HOME", ROOT))
    state = Path(os.environ.get("LEADMILL_STATE", home / ".leadmill"))
    return Settings(
        home=home,
        use_cases=Path(os.environ.get("LEADMILL_USE_CASES", home / "include" / "use_cases")),
        feature_repo=Path(os.environ.get("LEADMILL_FEATURE_REPO", home / "feature_repo")),
        state=state,
        data_docs=Path(os.environ.get("LEADMILL_DATA_DOCS", state / "data_docs")),
        mlflow_artifacts=Path(os.environ.get("LEADMILL_MLFLOW_ARTIFACTS", state / "mlflow")),
        kill_at=os.environ.get("LEADMILL_KILL_AT"),
        default_use_case=os.environ.get("LEADMILL_DEFAULT_USE_CASE") or None,
    )


def apply(variables: dict[str, str]) -> None:
    """Put ``variables`` into this process's environment and read the settings anew."""
    os.environ.update(variables)
    current.cache_clear()
