"""JSON schemas of what the API answers, by use case."""

from typing import Any

from leadmill.spec import UseCase

Schema = dict[str, Any]
_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_KEYS = {
    "uuid": "7927b2df-8bba-4d29-b9a2-b6e0beafe620",
    "int": 1042,
    "string": "C-1042",
}


def key_schema(use_case: UseCase) -> Schema:
    """A key as clients write it."""
    entity = use_case.entity
    if entity.key_type == "int":
        return {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    return {"type": "string", "pattern": entity.key_pattern}


def example_key(use_case: UseCase) -> str | int:
    return _KEYS[use_case.entity.key_type]  # type: ignore[return-value]


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _figures(use_case: UseCase) -> Schema:
    return {
        use_case.score_column: {"type": "integer", "minimum": 0, "maximum": use_case.score.scale},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "band": {"enum": list(use_case.score.bands)},
        "percentile": {"type": "number", "minimum": 0, "maximum": 100},
    }


def _status() -> Schema:
    return {"enum": ["fresh", "stale", "closed"]}


def prediction_schema(use_case: UseCase) -> Schema:
    """The answer about one entity; the last three fields come with a payload only."""
    reason = _object(feature=_TEXT, title=_TEXT, value={}, points=_NUMBER, sentence=_TEXT)
    made = _object(
        request_id={"type": "string", "format": "uuid"},
        **{use_case.entity.key: key_schema(use_case)},
        prediction=_object(**_figures(use_case), base=_NUMBER, reasons={"type": "array", "items": reason}),
        status=_status(),
        age_seconds={"type": ["number", "null"], "description": "Since the source was verified, by its own clock"},
        model_version=_TEXT,
        feature_timestamp=_TIME,
        features_from={"enum": ["online", "payload"]},
    )
    made["properties"] |= {
        "ignored": {"type": "array", "items": _TEXT, "description": "Declared, but no input of the model"},
        "imputed": {"type": "object", "description": "Absent features, and what they were taken to be"},
        "assumed": {"type": "object", "description": "Features of which only levels that are off were named"},
    }
    return made


def batch_schema(use_case: UseCase) -> Schema:
    """The answers about many, in the order of the items: a prediction, or an error."""
    one = {
        "type": "object",
        "properties": {
            use_case.entity.key: {},
            "prediction": _object(**_figures(use_case)),
            "status": _status(),
            "feature_timestamp": _TIME,
            "error": problem_schema(),
        },
        "oneOf": [{"required": ["prediction"]}, {"required": ["error"]}],
    }
    return _object(request_id=_TEXT, model_version=_TEXT, results={"type": "array", "items": one})


def storedscore_schema(use_case: UseCase) -> Schema:
    """Rows of scores.<use case> and of its history."""
    score = _object(
        **{use_case.entity.key: key_schema(use_case)}, **_figures(use_case), reasons={}, status=_status(),
        model_version=_TEXT, feature_timestamp=_TIME, scored_at=_TIME, run_id=_TEXT,
    )  # fmt: skip
    nullable = {"anyOf": [score, {"type": "null"}]}
    return _object(score=nullable, history={"type": "array", "items": score})


def features_schema(use_case: UseCase) -> Schema:
    """Online features as they are stored."""
    return _object(
        **{use_case.entity.key: key_schema(use_case)}, feature_timestamp=_TIME, status=_status(),
        age_seconds={"type": ["number", "null"]}, features={"type": "object"},
    )  # fmt: skip


def model_schema(use_case: UseCase) -> Schema:
    """The champion."""
    names = {"type": "array", "items": _TEXT}
    return _object(
        version=_TEXT, candidate=_TEXT, serving_since=_TIME, created_at=_TIME, training_rows={"type": "integer"},
        positives={"type": "integer"}, inputs=names, bands={"type": "array"}, metrics={"type": "object"},
    )  # fmt: skip


def run_schema(use_case: UseCase) -> Schema:
    """A run of the training DAG."""
    return _object(dag_id=_TEXT, run_id=_TEXT, state=_TEXT, paused={"type": "boolean"}, follow=_TEXT)


def problem_schema() -> Schema:
    """RFC 9457."""
    made = _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT)
    made["properties"] |= {
        "request_id": _TEXT,
        "errors": {"type": "array", "items": _object(pointer=_TEXT, detail=_TEXT)},
    }
    return made
