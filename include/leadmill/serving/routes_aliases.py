"""Routes that specs declare beside the usual ones (``api.aliases``), on the same keys, limits and log."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from leadmill.api import Alias
from leadmill.errors import SpecError
from leadmill.serving.accepted import language, wants_json
from leadmill.serving.alias_request import Renaming, content_of
from leadmill.serving.body import invalid
from leadmill.serving.hints import Hints
from leadmill.serving.http import allow, answer, asked
from leadmill.serving.openapi_aliases import documented_alias
from leadmill.serving.problems import Fault, Problem
from leadmill.serving.routes_entities import anyone
from leadmill.serving.routes_train import start_training
from leadmill.serving.state import State
from leadmill.spec import UseCase

Handler = Callable[[Request], Awaitable[Response]]
# The service answers this by itself.
_HEALTH = ("GET", "/healthcheck")


def check_aliases(use_cases: Iterable[UseCase]) -> None:
    """Raise SpecError where two use cases declare one route."""
    owners: dict[tuple[str, str], str] = {}
    for use_case in use_cases:
        for alias in use_case.api.aliases:
            for method in alias.methods:
                other = owners.setdefault((method, alias.path), use_case.name)
                if other != use_case.name and alias.does != "health":
                    allowed = f"a route that no other use case declares; '{other}' has this one"
                    raise SpecError(f"{use_case.name}/use_case.yaml", "api.aliases", f"{method} {alias.path}", allowed)


def batch_paths(use_cases: Iterable[UseCase]) -> frozenset[str]:
    """Paths that take many entities at once."""
    return frozenset(
        alias.path for use_case in use_cases for alias in use_case.api.aliases if alias.does == "predict_batch"
    )


def alias_routes(state: State, name: str) -> APIRouter:
    """Every route of ``api.aliases`` of that use case."""
    use_case = state.served[name].use_case
    router = APIRouter(tags=[name])
    for alias in use_case.api.aliases:
        methods: list[str] = [method for method in alias.methods if (method, alias.path) != _HEALTH]
        handler, status = _HANDLERS[alias.does](state, name, alias), 202 if alias.does == "train" else 200
        if len(methods) > 1:
            # One that serves all of them, so that 405 allows all of them; those after it are there to be documented.
            router.add_api_route(alias.path, handler, methods=methods, status_code=status, include_in_schema=False)
        for method in methods:
            documented = documented_alias(use_case, alias, method)
            router.add_api_route(alias.path, handler, methods=[method], status_code=status, **documented)
    return router


def _predict(state: State, name: str, alias: Alias) -> Handler:
    served, predictor, renaming = state.served[name], state.predictors[name], Renaming(alias)
    languages = list(alias.sentences)

    async def predict(request: Request) -> Response:
        allow(state, request, "score")
        content = await content_of(request, alias, state.config.largest_query)
        try:
            payload = renaming.payload(content, renaming.hints())
            found = await predictor.of_payload(None, payload, served.champion(), asked(request))
        except Problem as problem:
            raise renaming.told(problem) from problem
        if not languages or wants_json(request.headers.get("accept")):
            return _varying(answer(found), languages)
        spoken = language(request.headers.get("accept-language"), languages)
        text = _sentence(use_case=served.use_case, alias=alias, spoken=spoken, found=found)
        return _varying(Response(text, media_type="text/plain", headers={"Content-Language": spoken}), languages)

    return predict


def _sentence(use_case: UseCase, alias: Alias, spoken: str, found: dict[str, Any]) -> str:
    decision, said = found["prediction"]["decision"], alias.sentences[spoken]
    if decision is None or use_case.decision is None:
        detail = f"Version {found['model_version']} of '{use_case.name}' keeps no decision. Run {use_case.name}_train."
        raise Problem("no-champion", detail, headers={"Retry-After": "60"})
    return said.positive if decision == use_case.decision.positive else said.negative


def _varying(response: Response, languages: list[str]) -> Response:
    if languages:
        response.headers["Vary"] = "Accept, Accept-Language"
    return response


def _predict_batch(state: State, name: str, alias: Alias) -> Handler:
    predictor, renaming, most = state.predictors[name], Renaming(alias), state.config.most_entities

    def one(number: int, item: Any, hints: Hints) -> dict[str, Any] | Problem:
        try:
            return renaming.payload(item, hints, f"/{number}")
        except Problem as problem:
            return problem

    async def predict_batch(request: Request) -> Response:
        allow(state, request, "score")
        items = await content_of(request, alias, state.config.largest_query)
        if not isinstance(items, list) or not 1 <= len(items) <= most:
            raise invalid(Fault("", f"a list of 1 to {most:,} objects is needed here"))
        hints = renaming.hints()
        payloads = [one(at, item, hints) for at, item in enumerate(items)]
        found = await predictor.of_payloads(payloads, asked(request))
        for result in found["results"]:
            for fault in result.get("error", {}).get("errors", ()):
                fault["pointer"] = renaming.pointer(fault["pointer"])
        return answer(found)

    return predict_batch


def _sample(state: State, name: str, _: Alias) -> Handler:
    served, predictor = state.served[name], state.predictors[name]

    async def sample(request: Request) -> Response:
        allow(state, request, "score")
        return answer(await predictor.of_store(await anyone(state, served), served.champion(), asked(request)))

    return sample


def _train(state: State, name: str, _: Alias) -> Handler:
    async def train(request: Request) -> Response:
        return await start_training(state, name, request)

    return train


def _health(state: State, name: str, alias: Alias) -> Handler:
    async def alive(request: Request) -> Response:
        return answer({"status": "ok"})

    return alive


_HANDLERS: dict[str, Callable[[State, str, Alias], Handler]] = {
    "predict": _predict,
    "predict_batch": _predict_batch,
    "sample": _sample,
    "train": _train,
    "health": _health,
}
