"""The use case specification: parsed once from ``use_case.yaml`` into a frozen ``UseCase``, then trusted."""

import re
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from leadmill import names, settings
from leadmill.api import Api
from leadmill.columns import DERIVED_FROM, TOLD_METHODS, Column, Duration, Frozen, Identifier, Level, Zone
from leadmill.decision import Decision
from leadmill.entity import Entity
from leadmill.errors import SpecError, UnknownUseCase
from leadmill.label import Label, check_task
from leadmill.layout import File
from leadmill.learning import NO_FEATURES, Gate, Model, Tune
from leadmill.mentioned import stray_names
from leadmill.queries import stray_queries
from leadmill.thresholds import Monitor

_DERIVED = ("folder", "version")


def _relation(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", value):
        raise ValueError("a schema and a table or view in it, such as shop.orders, in lower case")
    return value


Relation = Annotated[str, AfterValidator(_relation)]


class Source(Frozen):
    """Where the rows come from and how far a window reaches.

    A window of which more than ``max_rejected_share`` is rejected is blocked, but never for ``rejected_allowed`` rows
    or fewer: of a source that is read every few seconds a share says little. ``lookback``: how far before a row of a
    snapshot ``sql/features.sql`` may look for earlier rows of the source.
    """

    connection: Identifier
    relations: tuple[Relation, ...] = Field(min_length=1)
    watermark: Identifier
    history: Literal["events", "snapshot"]
    timezone: Zone = "UTC"
    safety_lag: Duration = timedelta(minutes=1)
    overlap: Duration = timedelta(minutes=10)
    poll: Duration = timedelta(seconds=10)
    clock: Relation | None = None
    max_rejected_share: float = Field(default=0.2, gt=0, le=1)
    rejected_allowed: int = Field(default=0, ge=0)
    lookback: Duration | None = None
    file: File | None = None


class Imputation(Frozen):
    """When learned imputers are fitted: first on ``first`` rows, again when the rows grew by ``growth``."""

    first: int = Field(default=500, ge=500)
    growth: float = Field(default=2.0, gt=1)


class Score(Frozen):
    """How a probability becomes what sales sees."""

    scale: int = Field(default=1000, gt=0)
    population: Literal["open", "all"] = "open"
    bands: dict[str, float]
    stale_after: Duration = timedelta(days=2)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        shares = list(self.bands.values())
        if shares != sorted(set(shares)) or not shares or shares[-1] != 1.0 or shares[0] <= 0:
            raise ValueError("shares that rise from the best band to the last, which is 1.0 (A: 0.10, ..., D: 1.0)")
        if "all" in self.bands:
            raise ValueError("names other than 'all', which is what figures of all bands together are stored under")
        return self


class Retrain(Frozen):
    """When new data starts a training: entities whose outcome has newly matured, or training rows since drift began.

    Counted are those that no judged version has had.
    """

    new_outcomes: int = Field(default=200, ge=1)
    drift_rows: int = Field(default=300, ge=1)


class UseCase(Frozen):
    """One entity, one source, one label; everything else derives from this."""

    name: Identifier
    title: str
    description: str = ""
    note: str = ""
    task: Literal["binary", "multiclass"] = "binary"
    classes: tuple[Level, ...] = ()
    entity: Entity
    source: Source
    as_of: tuple[Duration, ...] = ()
    label: Label
    facts: dict[str, Column] = Field(default_factory=dict)
    features: dict[str, Column]
    imputation: Imputation = Imputation()
    model: Model
    tune: Tune = Tune()
    gate: Gate = Gate()
    score: Score
    decision: Decision | None = None
    api: Api = Api()
    retrain: Retrain = Retrain()
    monitor: Monitor = Monitor()
    folder: Path
    version: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_task(self.task, self.classes, self.source.history, self.label, self.model, self.decision is not None)
        if self.source.file and len(self.source.relations) > 1:
            raise ValueError("'source.file' fills one table, so 'source.relations' names one")
        if self.source.history == "events" and (self.label.horizon is None or not self.as_of):
            raise ValueError("'history: events' needs a label.horizon and the ages in 'as_of'")
        if self.source.history == "snapshot" and self.label.horizon is None and self.score.population != "all":
            raise ValueError("'horizon: none' closes nothing, so score.population is 'all', not 'open'")
        events = self.source.history == "events"
        stray = [column.name for column in self.columns if column.fact]
        if not events and (self.facts or stray):
            raise ValueError("'facts' and 'fact: true' go with 'source.history: events', and only with it")
        given = [column for column in self.columns if (column.fact if events else not column.derived)]
        always = [column.name for column in given if column.impute == "none"]
        if always:
            raise ValueError(f"'impute: none' is for what sql/features.sql always derives; '{always[0]}' is given")
        if events and (self.source.lookback or any(column.derived for column in self.columns)):
            raise ValueError("'source.lookback' and 'derived: true' go with 'source.history: snapshot' only")
        if not self.derives and (self.source.lookback or any(column.derived for column in self.columns)):
            raise ValueError("'source.lookback' and 'derived: true' need the query sql/features.sql")
        twice = set(self.facts) & set(self.features)
        if twice:
            raise ValueError(f"'{min(twice)}' is a fact and a feature: declare it once, as a feature with 'fact: true'")
        reserved = {self.entity.key, self.label.name, self.source.watermark} & {
            *self.features,
            *self.facts,
        }
        if reserved:
            raise ValueError(f"'{min(reserved)}' is the key, the label or the watermark and cannot be a feature too")
        ours = names.OWN_COLUMNS & {self.entity.key, self.label.name, *self.features, *self.facts}
        ours |= (names.BESIDE_KEY | {self.score_column}) & {self.entity.key}
        if ours:
            raise ValueError(f"'{min(ours)}' is a column that leadmill's tables have already; choose another name")
        flags = {column.flag for column in self.columns if column.has_flag} & set(self.features)
        if flags:
            raise ValueError(f"'{min(flags)}' is the flag of a feature and cannot be a feature too")
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every declared column, in the order of the spec."""
        return tuple(self.features.values())

    @property
    def has_events(self) -> bool:
        """Whether the source gives facts about entities over time, not one row per entity."""
        return self.source.history == "events"

    @property
    def raw_columns(self) -> tuple[Column, ...]:
        """The columns that the source's rows carry beside key, label and watermark."""
        if not self.has_events:
            return tuple(column for column in self.columns if not column.derived)
        return (*self.facts.values(), *(column for column in self.columns if column.fact))

    @property
    def feature_columns(self) -> tuple[Column, ...]:
        """The columns that are prepared, stored and offered to models."""
        return tuple(column for column in self.columns if column.is_feature)

    @property
    def derives(self) -> bool:
        """Whether features derive from columns by ``sql/features.sql``; a snapshot's may be its columns themselves."""
        return self.has_events or (self.folder / "sql" / "features.sql").exists()

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The features that models are trained on: ``model.inputs``, or all."""
        chosen = self.model.inputs or tuple(column.name for column in self.feature_columns)
        return tuple(self.features[name] for name in chosen)

    @property
    def score_column(self) -> str:
        return f"{self.entity.name}_score"

    def sql(self, part: str) -> str:
        """Text of ``sql/<part>.sql`` of this use case."""
        return (self.folder / "sql" / f"{part}.sql").read_text(encoding="utf-8")


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key written twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in seen:
            if seen.count(key) > 1:
                raise yaml.YAMLError(f"key '{key}' stands twice, again in line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


def use_case_names() -> list[str]:
    """Names of all use cases, sorted: the folders that hold a ``use_case.yaml``."""
    return sorted(path.parent.name for path in settings.current().use_cases.glob("*/use_case.yaml"))


def load_use_case(name: str) -> UseCase:
    """The use case of that name, read anew when a file of it has changed. Raises UnknownUseCase or SpecError."""
    file = settings.current().use_cases / name / "use_case.yaml"
    if not file.is_file():
        raise UnknownUseCase(name, use_case_names())
    return _parsed(file, tuple(part.stat().st_mtime_ns for part in _parts(file)))


@lru_cache(maxsize=64)
def _parsed(file: Path, changed: tuple[int, ...]) -> UseCase:
    return parse_use_case(file)


def _parts(file: Path) -> list[Path]:
    return [file, *sorted((file.parent / "sql").glob("*.sql"))]


def parse_use_case(file: Path) -> UseCase:
    """Read and check one specification file. Raises SpecError with the path of the first fault."""
    home = settings.current().home
    shown = str(file.relative_to(home)) if file.is_relative_to(home) else str(file)
    text = file.read_text(encoding="utf-8")
    try:
        raw = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise SpecError(shown, "(file)", str(error).replace("\n", " "), "valid YAML") from error
    if not isinstance(raw, dict):
        raise SpecError(shown, "(file)", type(raw).__name__, "a mapping of fields")
    if raw.get("name") != file.parent.name:
        raise SpecError(shown, "name", raw.get("name"), f"the name of its folder, '{file.parent.name}'")
    _check_relations(shown, file.parent)
    _check_given(shown, raw)
    for part, more in {"features": {}, "facts": {"drop": DERIVED_FROM}}.items():
        if isinstance(raw.get(part), dict):
            raw[part] = _named(raw[part], more)
    try:
        use_case = UseCase(**raw, folder=file.parent, version=_version(file))
    except ValidationError as error:
        raise _spec_error(shown, raw, error) from error
    _check_inputs(shown, use_case)
    _check_imputation(shown, use_case)
    for stray in stray_queries(file.parent / "sql", use_case.has_events):
        raise SpecError(shown, *stray)
    return use_case


def _check_relations(file: str, folder: Path) -> None:
    """No other folder may hold a use case with a table or view of the same name: each would write in the other's."""
    for other in sorted(path.parent for path in folder.parent.glob("*/use_case.yaml")):
        shared = names.relations(folder) & names.relations(other) if other.name != folder.name else None
        if shared:
            why = f"a name without a table in common with '{other.name}': both would have {min(shared)}"
            raise SpecError(file, "name", folder.name, why)


def _named(columns: dict[Any, Any], more: dict[str, str]) -> dict[Any, Any]:
    """The columns with their keys as names, and titles where none is given."""
    return {
        key: {"name": key, "title": str(key).replace("_", " ").capitalize(), **more, **body}
        if isinstance(body, dict)
        else body
        for key, body in columns.items()
    }


def _check_given(file: str, raw: dict[Any, Any]) -> None:
    """What the parser adds by itself may not be written, and every field has a name."""
    for field in raw:
        if not isinstance(field, str) or field in _DERIVED:
            known = _fields_at(())
            raise SpecError(file, str(field), field, f"one of {', '.join(known)}", known)
    for part in ("features", "facts"):
        columns = raw.get(part)
        for column, body in columns.items() if isinstance(columns, dict) else ():
            if isinstance(body, dict) and "name" in body:
                known = _fields_at((part, column))
                raise SpecError(file, f"{part}.{column}.name", "name", f"one of {', '.join(known)}", known)


def _version(file: Path) -> str:
    """Hash of everything that says what the use case is: its YAML and its SQL."""
    return sha256(b"\0".join(part.read_bytes() for part in _parts(file))).hexdigest()[:12]


def _check_inputs(file: str, use_case: UseCase) -> None:
    """No input and no variant may name a column that is unknown, late or dropped."""
    named = {"model.inputs": use_case.model.inputs}
    named |= {f"model.variants.{name}": columns for name, columns in use_case.model.variants.items()}
    for path, columns in named.items():
        for column in columns:
            if column not in use_case.features:
                raise SpecError(file, path, column, "a declared feature", use_case.features)
            declared = use_case.features[column]
            if path == "model.inputs" and declared.known_at == "after_contact":
                why = (
                    "known only after contact; when a lead is scored nobody knows it yet, so it can never be a feature"
                )
                raise SpecError(file, path, column, f"columns known at observation ('{column}' is {why})")
            if path == "model.inputs" and declared.drop:
                raise SpecError(file, path, column, f"columns that are not dropped ('{declared.drop}')")
    numbers = {column.name: column for column in use_case.feature_columns if column.type in ("int", "float")}
    for path, given in (("label.last", use_case.label.last), ("label.seasonal", use_case.label.seasonal)):
        if given is not None and given not in numbers:
            raise SpecError(file, path, given, "a feature that is a number", numbers)
    if use_case.model.edges == "together":
        last = use_case.features[str(use_case.label.last)]
        if last.transform != "log" or last.unit != use_case.label.unit:
            why = f"'apart', unless 'label.last' ('{last.name}') has 'transform: log' and the unit of the label"
            raise SpecError(file, "model.edges", "together", why)
    allowed = (*use_case.features, *NO_FEATURES)
    for candidate in use_case.tune.candidates:
        if candidate not in use_case.model.candidates:
            raise SpecError(file, "tune.candidates", candidate, "a candidate of the model", use_case.model.candidates)
    for subject in use_case.model.allowed_leaks:
        if subject not in allowed:
            raise SpecError(file, "model.allowed_leaks", subject, f"a feature or {', '.join(NO_FEATURES)}", allowed)
    sliced = {column.name: column for column in use_case.feature_columns if column.type not in ("int", "float")}
    for column in use_case.gate.slices:
        if column not in sliced:
            raise SpecError(file, "gate.slices", column, "a feature with levels, not a number", sliced)
    for stray in stray_names(use_case):
        raise SpecError(file, *stray)


def _check_imputation(file: str, use_case: UseCase) -> None:
    """What is missing of the only feature cannot be told from others."""
    column, *others = use_case.feature_columns or (None,)
    if column and not others and column.impute in TOLD_METHODS:
        why = f"a method that needs no other feature, not {', '.join(TOLD_METHODS)}: '{column.name}' is the only one"
        raise SpecError(file, f"features.{column.name}.impute", column.impute, why)


def _spec_error(file: str, raw: dict[str, Any], error: ValidationError) -> SpecError:
    # A required field that is misspelt is missing, too: the misspelling says more.
    faults = error.errors()
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    path = ".".join(str(part) for part in fault["loc"]) or "(file)"
    kind = fault["type"]
    if kind == "extra_forbidden":
        known = _fields_at(fault["loc"][:-1])
        return SpecError(file, path, fault["loc"][-1], f"one of {', '.join(known)}", known)
    if kind == "missing":
        return SpecError(file, path, "nothing", "a value; the field is required")
    expected = fault.get("ctx", {}).get("expected")
    if expected:
        return SpecError(file, path, fault["input"], str(expected), re.findall(r"'([^']+)'", str(expected)))
    found = fault["input"] if fault["loc"] and not isinstance(fault["input"], (dict, BaseModel)) else "this combination"
    return SpecError(file, path, found, fault["msg"].removeprefix("Value error, "))


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = UseCase
    for part in location:
        if model is UseCase and part in ("features", "facts"):
            return [name for name in Column.model_fields if name != "name"]
        field = model.model_fields.get(str(part))
        annotations = (field.annotation, *get_args(field.annotation)) if field else ()
        inner = [one for one in annotations if isinstance(one, type) and issubclass(one, BaseModel)]
        if not inner:
            break
        model = inner[0]
    return [name for name in model.model_fields if name not in _DERIVED]
