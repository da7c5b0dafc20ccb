"""MLflow on Postgres without a server: one experiment and one registered model per use case."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from leadmill import settings
from leadmill.errors import PromotionRefused
from leadmill.spec import UseCase
from leadmill.storage.database import use_case_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
# MLflow reads these when it is imported.
_QUIET = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
TAG = "leadmill."

_P = ParamSpec("_P")
_R = TypeVar("_R")


def client() -> "MlflowClient":
    """The client of the configured tracking and registry database; its tables are made on first use."""
    return _client(tracking_uri())


def tracking_uri() -> str:
    """SQLAlchemy URL of MLflow's database, driver named."""
    return settings.current().mlflow_url.replace("postgresql://", "postgresql+psycopg2://", 1)


@cache
def _client(uri: str) -> "MlflowClient":
    settings.apply(_QUIET)
    import mlflow

    # log_model and download_artifacts know no client: they follow the process-wide address.
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    # Of two processes that make the tables at once, MLflow lets one fail.
    with use_case_lock("mlflow/tables"):
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def database_said() -> Iterator[None]:
    """Where MLflow's database is away, SQLAlchemy's own error comes out of the block, as it would of our database."""
    try:
        yield
    except Exception as error:
        said = error.__cause__
        if isinstance(said, OperationalError | InterfaceError):
            from mlflow.exceptions import MlflowException

            if isinstance(error, MlflowException):
                raise said from said.orig
        raise


def experiment_id(use_case: UseCase) -> str:
    """The experiment of that use case, made where absent, with its artifacts below ``settings.mlflow_artifacts``."""
    found = find_experiment(use_case)
    if found is not None:
        return found
    folder = settings.current().mlflow_artifacts.absolute() / use_case.name
    folder.mkdir(parents=True, exist_ok=True)
    return str(client().create_experiment(use_case.name, artifact_location=folder.as_uri()))


def find_experiment(use_case: UseCase) -> str | None:
    """Id of the experiment of that use case, or None where nothing was trained yet."""
    found = client().get_experiment_by_name(use_case.name)
    return None if found is None else str(found.experiment_id)


def ends_failed(stage: Callable[Concatenate[UseCase, str, _P], _R]) -> Callable[Concatenate[UseCase, str, _P], _R]:
    """A stage of the run it names second, so that the run ends FAILED when it raises; a refusal is no failure."""

    @wraps(stage)
    def wrapped(use_case: UseCase, run_id: str, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return stage(use_case, run_id, *args, **kwargs)
        except PromotionRefused:
            raise
        except Exception:
            client().set_terminated(run_id, "FAILED")
            raise

    return wrapped


def write_json(run_id: str, name: str, content: Any) -> None:
    """Store ``content`` as artifact ``name`` of the run, replacing an earlier one."""
    client().log_text(run_id, json.dumps(content, indent=2, default=str), name)


def read_json(run_id: str, name: str) -> Any:
    """The content of a JSON artifact of the run."""
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(Path(client().download_artifacts(run_id, name, folder)).read_text(encoding="utf-8"))


def log_metrics(run_id: str, values: Mapping[str, float]) -> None:
    """Record metrics at the time the run began, so that recording them again adds nothing."""
    from mlflow.entities import Metric

    began = client().get_run(run_id).info.start_time
    client().log_batch(run_id, metrics=[Metric(name, value, began, 0) for name, value in values.items()])


def set_tags(run_id: str, **values: object) -> None:
    """Set ``leadmill.<name>`` tags of the run."""
    for name, value in values.items():
        client().set_tag(run_id, TAG + name, str(value))


def tag(run_id: str, name: str) -> str | None:
    """The ``leadmill.<name>`` tag of the run, or None."""
    found = client().get_run(run_id).data.tags.get(TAG + name)
    return None if found is None else str(found)
