"""Routes that score."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from leadmill.serving.body import parse
from leadmill.serving.http import allow, answer, asked
from leadmill.serving.openapi import documented, score_body
from leadmill.serving.state import State


def predict_routes(state: State, name: str) -> APIRouter:
    """``POST /api/v1/<use case>/predict`` and ``.../predict/batch``."""
    predictor, use_case = state.predictors[name], state.served[name].use_case
    router = APIRouter(prefix=f"/api/v1/{name}", tags=[name])

    @router.post("/predict", **documented("score", "Prediction", f"Score one {use_case.entity.name}", use_case,
                                          body=score_body(use_case)))  # fmt: skip
    async def predict(request: Request) -> Response:
        """The score by the champion, with its reasons, from the online features or from those of the payload."""
        allow(state, request, "score")
        body = parse(request.headers.get("content-type"), await request.body())
        return answer(await predictor.one(body, asked(request)))

    @router.post("/predict/batch", **documented("score", "Batch", f"Score many {use_case.entity.name}s", use_case,
                                                body=score_body(use_case, many=True)))  # fmt: skip
    async def batch(request: Request) -> Response:
        """Scores of up to 10,000 entities, without reasons; what is wrong with one of them is its own error."""
        allow(state, request, "score")
        body = parse(request.headers.get("content-type"), await request.body())
        return answer(await predictor.many(body, asked(request)))

    return router


def default_route(state: State, name: str) -> APIRouter:
    """``POST /api/v1/predict``, for clients that know of one use case only."""
    predictor, use_case = state.predictors[name], state.served[name].use_case
    router = APIRouter(prefix="/api/v1", tags=[name])

    summary = f"Score one {use_case.entity.name} of the default use case"

    @router.post(
        "/predict", **documented("score", "Prediction", summary, use_case, body=score_body(use_case), suffix="default")
    )
    async def predict(request: Request) -> Response:
        """As the route of the use case in LEADMILL_DEFAULT_USE_CASE."""
        allow(state, request, "score")
        body = parse(request.headers.get("content-type"), await request.body())
        return answer(await predictor.one(body, asked(request)))

    return router
