"""The application: ``create_app`` for a server of any kind."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from leadmill import __version__
from leadmill.errors import UnknownUseCase
from leadmill.serving import problems
from leadmill.serving.config import Config, from_environment
from leadmill.serving.gate import Gate
from leadmill.serving.openapi import describe
from leadmill.serving.routes_aliases import alias_routes, batch_paths, check_aliases
from leadmill.serving.routes_entities import entity_routes
from leadmill.serving.routes_models import model_routes
from leadmill.serving.routes_predict import default_route, predict_routes
from leadmill.serving.routes_service import service_routes
from leadmill.serving.routes_train import train_routes
from leadmill.serving.state import State
from leadmill.spec import UseCase, load_use_case, use_case_names

log = logging.getLogger("leadmill.serving")


def create_app(config: Config | None = None, use_cases: list[UseCase] | None = None) -> FastAPI:
    """The scoring API of all use cases (or these), by the environment (or ``config``).

    It starts while the database is away and answers 503 until it is there. Raises MissingSetting, SpecError and
    UnknownUseCase (the default one).
    """
    config = config or from_environment()
    served = [load_use_case(name) for name in use_case_names()] if use_cases is None else use_cases
    check_aliases(served)
    state = State(config, served)
    if config.default_use_case and config.default_use_case not in state.served:
        raise UnknownUseCase(config.default_use_case, list(state.served))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await state.start()
        yield
        await state.stop()

    app = FastAPI(title="leadmill", version=__version__, lifespan=lifespan, redoc_url=None, openapi_url="/openapi.json")
    app.state.leadmill = state
    problems.install(app, list(state.served))
    app.add_middleware(Gate, config=config, metrics=state.metrics, batches=batch_paths(served))
    for name in state.served:
        app.include_router(predict_routes(state, name))
    if config.default_use_case:
        app.include_router(default_route(state, config.default_use_case))
    app.include_router(service_routes(state))
    for name in state.served:
        app.include_router(entity_routes(state, name))
        app.include_router(train_routes(state, name))
        app.include_router(model_routes(state, name))
        app.include_router(alias_routes(state, name))
    describe(app)
    return app
