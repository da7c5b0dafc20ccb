"""JSON schemas of what the API answers, by use case."""

from typing import Any

from leadmill.decision import Decision
from leadmill.spec import UseCase

Schema = dict[str, Any]
_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}
_NULL: Schema = {"type": "null"}
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
    """What a score consists of; of a multiclass use case it is that of the last class."""
    return {
        use_case.score_column: {"type": "integer", "minimum": 0, "maximum": use_case.score.scale},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "band": {"enum": list(use_case.score.bands)},
        "percentile": {"type": "number", "minimum": 0, "maximum": 100},
        **(_classes(use_case) if use_case.classes else {}),
        **(_decided(use_case.decision) if use_case.decision else {}),
    }


def _decided(decision: Decision) -> Schema:
    told = "By the threshold kept with the version; null where that has none"
    return {"decision": {"enum": [decision.positive, decision.negative, None], "description": told}}


def _classes(use_case: UseCase) -> Schema:
    title, unit = use_case.label.title or use_case.label.name, use_case.label.unit
    value = f"{title}{f' in {unit}' if unit else ''}, inside the edges of the predicted class"
    return {
        "predicted_class": {
            "enum": list(use_case.classes),
            "description": "The most probable, of two the lower",
            "examples": [use_case.classes[-1]],
        },
        "probabilities": _object(**{name: {"type": "number", "minimum": 0, "maximum": 1} for name in use_case.classes}),
        "predicted_value": {"type": "number", "description": value, "examples": [1250.5]},
        "interval": _object(low=_NUMBER, high=_NUMBER)
        | {"description": "Holds the value in four cases of five", "examples": [{"low": 980.0, "high": 1610.0}]},
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
        **({"decision": {"type": ["object", "null"]}} if use_case.decision else {}),
    )  # fmt: skip


def models_schema(use_case: UseCase) -> Schema:
    """Every version, newest first."""
    one = _version() | {"properties": {**_version()["properties"], "last_decision": {"anyOf": [_decision(), _NULL]}}}
    return _object(models={"type": "array", "items": one})


def version_schema(use_case: UseCase) -> Schema:
    """One version; ``training`` says on which data and by which code it was trained."""
    found = _version()
    found["properties"] |= {"training": {"type": "object"}, "decisions": {"type": "array", "items": _decision()}}
    return found


def decided_schema(use_case: UseCase) -> Schema:
    """What was decided about a version, and who was champion before."""
    found = _decision()
    found["properties"]["champion_before"] = {"anyOf": [_TEXT, _NULL]}
    return found


def _version() -> Schema:
    nullable = {"anyOf": [_TEXT, _NULL]}
    return _object(
        version=_TEXT, serving={"type": "boolean"}, candidate=_TEXT, created_at=_TIME,
        training_rows={"type": "integer"}, positives={"type": "integer"}, data_fingerprint=_TEXT,
        training_set=nullable, spec_version=_TEXT, parameters={}, mlflow_run_id=_TEXT, metrics={"type": "object"},
    )  # fmt: skip


def _decision() -> Schema:
    return _object(
        version=_TEXT, verdict=_TEXT, reasons={"type": "array", "items": _TEXT}, actor=_TEXT, decided_at=_TIME
    )


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
