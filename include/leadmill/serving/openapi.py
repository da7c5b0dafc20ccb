"""What /openapi.json says: bodies and answers by the spec of each use case, with examples, and every error."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from leadmill.columns import Column
from leadmill.serving import schemas
from leadmill.serving.problems import MEDIA_TYPE
from leadmill.spec import UseCase
from leadmill.storage.api_keys import Scope

Schema = dict[str, Any]
_ERRORS = {
    400: "Not JSON in UTF-8",
    401: "No valid API key",
    403: "The key lacks the scope",
    404: "Unknown",
    405: "Method not allowed",
    413: "Too large",
    414: "The query is too long",
    415: "Not JSON",
    422: "Says something that cannot be; the errors point at it",
    500: "The service failed",
    502: "Airflow refused",
    503: "Database away, too many requests, or no champion: see Retry-After",
}
_RETRIED = (503,)
_DESCRIPTION = """Scores of entities by the champion and the online features, with reasons.

Send an API key as `Authorization: Bearer ...` or `X-API-Key: ...`; its scopes are read, score and train. Every error is
a problem document (RFC 9457, `application/problem+json`)."""


def documented(
    scope: Scope,
    answer: str,
    summary: str,
    use_case: UseCase,
    body: Schema | None = None,
    keyed: bool = False,
    suffix: str = "",
    success: int = 200,
) -> Schema:
    """Arguments of a route's decorator: what it takes and gives, by the ``answer``'s name in ``schemas``."""
    content = {"schema": getattr(schemas, f"{answer.lower()}_schema")(use_case)}
    errors = [401, 403, 500, 503, *([400, 413, 415, 422] if body else [])]
    errors += [404, 422] if keyed else [404] if answer in ("Prediction", "Batch") else []
    errors += [502] if scope == "train" else []
    extra: Schema = {"security": [{"bearer": []}, {"apiKey": []}], "x-scope": scope, "x-errors": sorted(set(errors))}
    if body:
        extra["requestBody"] = body
    name = "_".join(filter(None, [use_case.name, answer.lower(), suffix]))
    described = {success: {"description": summary, "content": {"application/json": content}}}
    return {"operation_id": name, "summary": summary, "responses": described, "openapi_extra": extra}


def score_body(use_case: UseCase, many: bool = False) -> Schema:
    """Request body of one item or of a batch."""
    key, example = use_case.entity.key, schemas.example_key(use_case)
    item: Schema = {
        "type": "object",
        "required": [key],
        "additionalProperties": False,
        "properties": {key: schemas.key_schema(use_case), "payload": _payload_schema(use_case)},
    }
    payload = _example_payload(use_case)
    if not many:
        examples = {
            "online": {"summary": "Features from the online store", "value": {key: example}},
            "payload": {"summary": "Features of the request", "value": {key: example, "payload": payload}},
        }
        return request_body(item, examples)
    schema = {
        "type": "object",
        "required": ["items"],
        "additionalProperties": False,
        # What is wrong with one item is that item's error, so the items themselves are free.
        "properties": {"items": {"type": "array", "minItems": 1, "maxItems": 10_000, "items": {}, "x-item": item}},
    }
    return request_body(schema, {"two": {"value": {"items": [{key: example}, {key: example, "payload": payload}]}}})


def reason_body() -> Schema:
    """Request body of a training: why."""
    reason = {"type": "string", "minLength": 1, "maxLength": 500}
    schema = {"type": "object", "required": ["reason"], "additionalProperties": False, "properties": {"reason": reason}}
    return request_body(schema, {"reason": {"value": {"reason": "new price list"}}}) | {"required": False}


def request_body(schema: Schema, examples: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}


def _payload_schema(use_case: UseCase) -> Schema:
    features = {column.name: feature_schema(column) for column in use_case.feature_columns}
    others = [name for name in (*use_case.features, *use_case.facts) if name not in features]
    levels = {
        f"{column.name}_{level}": {"enum": [0, 1, True, False], "description": f"{column.title}: {level}, one-hot"}
        for column in use_case.feature_columns
        for level in (column.levels if column.type == "ordered" else column.vocabulary)
    }
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "description": "Raw values by feature, or one-hot names; what is absent is imputed as the ETL does.",
        "properties": {**levels, **features, **{name: {"description": "Accepted and ignored"} for name in others}},
    }


def feature_schema(column: Column) -> Schema:
    kinds = {"int": ["integer", "null"], "float": ["number", "null"], "bool": ["boolean", "null"]}
    found: Schema = {"type": kinds.get(column.type, ["string", "null"]), "description": column.title}
    bounds = {"minimum": column.min, "maximum": column.max}
    found |= {name: bound for name, bound in bounds.items() if bound is not None}
    if column.type == "ordered":
        return {"enum": [*column.levels, None], "description": column.title}
    if column.type == "category":
        found |= {"maxLength": 1000, "pattern": r"^[^\x00-\x1f\x7f\u2400]*$"}
    if column.type in ("int", "float"):
        # What fifteen digits hold exactly.
        found = {"minimum": -(10**15) + 1, "maximum": 10**15 - 1} | found
    return found


def _example_payload(use_case: UseCase) -> Schema:
    found: Schema = {}
    for column in use_case.inputs[:6]:
        first = (column.vocabulary or column.levels or ("unknown",))[0]
        found[column.name] = first if column.type in ("category", "ordered") else column.cold_start
    return found


def describe(app: FastAPI) -> None:
    """Have ``app.openapi()`` give the whole document, made once."""

    def openapi() -> Schema:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=_DESCRIPTION,
                routes=app.routes,
                openapi_version="3.1.0",
            )
            app.openapi_schema = _complete(made, app.state.leadmill.served)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Schema, served: Schema) -> Schema:
    parts = document.setdefault("components", {})
    parts["schemas"] = {"Problem": schemas.problem_schema()}
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] != "path":
                    continue
                if parameter["name"] == "version":
                    parameter["schema"] = {"type": "string", "pattern": "^[0-9]{1,9}$"}
                    continue
                # The key's own form, which FastAPI does not know: it is judged by the spec's key type.
                parameter["schema"] = schemas.key_schema(served[path.split("/")[3]].use_case)
            errors = operation.pop("x-errors", [500, 503] if path in ("/readyz",) else [500])
            responses = {code: found for code, found in operation["responses"].items() if code[0] == "2"}
            operation["responses"] = responses | {str(code): _error(code) for code in errors}
    return document


def _error(status: int) -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    found: Schema = {"description": _ERRORS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
    if status in _RETRIED:
        found["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds"}}
    return found
