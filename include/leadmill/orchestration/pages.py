"""Pages beside the Airflow UI, behind its login: Data Docs of the checks, and MLflow runs of the trainings."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import text

from leadmill import settings
from leadmill.orchestration.links import ROOT
from leadmill.spec import load_use_case, use_case_names
from leadmill.storage.database import engine

_FOLDER = Path(__file__).parent / "templates"
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)
# The pages show values that came from outside: they may load nothing from elsewhere and run no script.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; script-src 'none'; object-src 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}


def pages() -> FastAPI:
    """The application that the plugin mounts at ``/leadmill``; every route asks Airflow who is there, else 401."""
    app = FastAPI(title="leadmill", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_with_headers)
    app.get("/", response_class=HTMLResponse)(overview)
    app.get("/data-docs/{path:path}")(data_docs)
    app.get("/raw-check/{use_case}/{run_id}")(raw_check)
    app.get("/features-check/{use_case}/{run_id}")(features_check)
    app.get("/training/{use_case}/{run_id}", response_class=HTMLResponse)(training)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


def overview() -> str:
    """The newest windows of every use case with their accounting and check pages."""
    with engine().connect() as connection:
        windows = connection.execute(
            text(
                "SELECT w.*, (SELECT max(document) FROM ops.validations AS v WHERE v.window_id = w.window_id"
                " AND v.attempt = w.attempts AND v.suite = 'raw') AS raw_page,"
                " (SELECT max(document) FROM ops.validations AS v WHERE v.window_id = w.window_id"
                " AND v.attempt = w.attempts AND v.suite = 'features') AS features_page "
                "FROM ops.windows AS w ORDER BY w.window_id DESC LIMIT 50"
            )
        )
        rows = [dict(row) for row in windows.mappings()]
    return _TEMPLATES.get_template("overview.html").render(windows=rows, root=ROOT, use_cases=use_case_names())


def data_docs(path: str) -> Response:
    """A file of the Data Docs, never one outside their folder; its pages get a style that needs no network."""
    root = settings.current().data_docs.resolve()
    try:
        file = (root / path).resolve()
        found = file.is_relative_to(root) and file.is_file()
    except ValueError:  # a NUL byte in the path
        found = False
    if not found:
        raise HTTPException(404, "No such page")
    if file.suffix != ".html":
        return FileResponse(file)
    style = (_FOLDER / "data_docs.css").read_text(encoding="utf-8")
    return HTMLResponse(file.read_text(encoding="utf-8").replace("</head>", f"<style>{style}</style></head>", 1))


def raw_check(use_case: str, run_id: str) -> RedirectResponse:
    """To the page of the raw rows' check in that Airflow run."""
    return _check_page(use_case, run_id, "raw")


def features_check(use_case: str, run_id: str) -> RedirectResponse:
    """To the page of the features' check in that Airflow run."""
    return _check_page(use_case, run_id, "features")


def _check_page(use_case: str, run_id: str, suite: str) -> RedirectResponse:
    with engine().connect() as connection:
        document = connection.execute(
            text(
                "SELECT document FROM ops.validations WHERE use_case = :name AND run_id = :run AND suite = :suite "
                "ORDER BY validation_id DESC LIMIT 1"
            ),
            {"name": use_case, "run": run_id, "suite": suite},
        ).scalar()
    if document is None:
        raise HTTPException(404, f"Run {run_id} of {use_case} has checked nothing (suite {suite})")
    return RedirectResponse(f"{ROOT}/data-docs/{document}")


def training(use_case: str, run_id: str) -> str:
    """Parameters, metrics, tags and artifacts of the MLflow run that belongs to an Airflow run."""
    from leadmill.registry.begin import find_run
    from leadmill.registry.catalog import run_page

    mlflow_run = find_run(load_use_case(use_case), run_id) if use_case in use_case_names() else None
    if mlflow_run is None:
        raise HTTPException(404, f"Run {run_id} of {use_case} has no MLflow run")
    page = run_page(mlflow_run)
    return _TEMPLATES.get_template("mlflow_run.html").render(run=page, root=ROOT, **_by_candidate(page.metrics))


def _by_candidate(metrics: dict[str, float]) -> dict[str, object]:
    """Metrics named "candidate/metric" as a table: its columns, and metric -> candidate -> value."""
    table: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        candidate, _, metric = name.rpartition("/")
        table.setdefault(metric, {})[candidate] = value
    candidates = sorted({candidate for row in table.values() for candidate in row})
    return {"candidates": candidates, "metrics": dict(sorted(table.items()))}
