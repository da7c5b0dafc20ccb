"""What /openapi.json says of the routes that specs declare."""

from typing import Any

from leadmill.api import Alias, AliasField
from leadmill.serving.openapi import documented, feature_schema, reason_body, request_body
from leadmill.spec import UseCase

Schema = dict[str, Any]
_SAYS = {
    "predict": "Score one {entity} by the features of the request",
    "predict_batch": "Score many {entity}s by the features of the request",
    "sample": "A random {entity}, scored",
    "train": "Start a training",
    "health": "Whether it lives",
}
_TEXT: Schema = {"schema": {"type": "string"}}


def documented_alias(use_case: UseCase, alias: Alias, method: str) -> Schema:
    """Arguments of a route's decorator."""
    summary = _SAYS[alias.does].format(entity=use_case.entity.name)
    suffix = "_".join([alias.path.strip("/").replace("/", "_").replace("-", "_"), method.lower()])
    if alias.does == "health":
        return {"operation_id": f"{use_case.name}_{suffix}", "summary": summary}
    if alias.does == "sample":
        return documented("score", "Prediction", summary, use_case, suffix=suffix)
    if alias.does == "train":
        body = reason_body() if method == "POST" else None
        return documented("train", "Run", summary, use_case, body=body, suffix=suffix, success=202)
    content = _content(use_case, alias)
    body = None if alias.query else request_body(content, {"one": {"value": _example(use_case, alias)}})
    answer = "Prediction" if alias.does == "predict" else "Batch"
    made = documented("score", answer, summary, use_case, body=body, suffix=suffix)
    _nobody(made["responses"][200]["content"]["application/json"]["schema"], use_case)
    extra = made["openapi_extra"]
    extra["x-errors"] = sorted({*extra["x-errors"], 400, 422} - {404})
    if alias.query:
        extra["x-errors"] = sorted({*extra["x-errors"], 414})
        extra["parameters"] = [
            {"name": alias.query, "in": "query", "required": True, "content": {"application/json": {"schema": content}}}
        ]
    if alias.sentences:
        first = next(iter(alias.sentences.values()))
        made["responses"][200]["content"]["text/plain"] = _TEXT | {"example": first.positive}
        languages = ", ".join(alias.sentences)
        made["description"] = (
            "One sentence, unless Accept names application/json: then the score. The language is the one of "
            f"Accept-Language among {languages}; the first where none is asked for."
        )
    return made


def _nobody(schema: Schema, use_case: UseCase) -> None:
    """There is no key in the request, so there is none in the answer."""
    if use_case.entity.key in schema["properties"]:
        schema["properties"][use_case.entity.key] = {"type": "null"}


def _content(use_case: UseCase, alias: Alias) -> Schema:
    one: Schema
    if alias.fields:
        properties = {name: _field(use_case, field) for name, field in alias.fields.items()}
        one = {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        }  # fmt: skip
    else:
        one = {"type": "object", "description": "Features by name; what is absent is imputed as the ETL does"}
    if alias.does == "predict":
        return one
    # What is wrong with one item is that item's error, so the items themselves are free.
    return {"type": "array", "minItems": 1, "items": {}, "x-item": one}


def _field(use_case: UseCase, field: AliasField) -> Schema:
    column = use_case.features[field.feature]
    if field.values:
        meant = ", ".join(f"{code}: {value}" for code, value in field.values.items())
        return {"enum": [*field.values, None], "description": f"{column.title} ({meant})"}
    if column.type == "bool":
        return {"enum": [0, 1, True, False, None], "description": column.title}
    return feature_schema(column)


def _example(use_case: UseCase, alias: Alias) -> Any:
    found = {}
    for name, field in alias.fields.items():
        column = use_case.features[field.feature]
        first = (column.vocabulary or column.levels or ("unknown",))[0]
        usual = first if column.type in ("category", "ordered") else column.cold_start
        found[name] = next(iter(field.values), usual)
    return found if alias.does == "predict" else [found]
