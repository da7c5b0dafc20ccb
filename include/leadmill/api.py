"""Routes of a use case beside the usual ones, as clients of another API know them: the ``api`` part of a spec."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from leadmill.columns import Frozen, Identifier

Does = Literal["predict", "predict_batch", "sample", "train", "health"]
_SCORES = ("predict", "predict_batch")
_OURS = ("/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")
_HEALTH = "/healthcheck"


def _by_name(value: object) -> object:
    return {"feature": value} if isinstance(value, str) else value


class AliasField(Frozen):
    """The feature that a field of the request stands for; ``values`` are the raw values that its codes mean."""

    feature: str
    values: dict[str | int, str] = Field(default_factory=dict)


class Sentences(Frozen):
    """What is answered in one language where the decision is positive, and where it is negative."""

    positive: str = Field(min_length=1)
    negative: str = Field(min_length=1)


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class Alias(Frozen):
    """One route.

    ``does`` is what it does: predict one entity from the fields of a JSON object, predict_batch many from a list of
    such, score a random entity (sample), start a training, or say that the service lives (health). ``query`` names the
    parameter that holds the JSON; without it the JSON is the body. ``fields`` maps every field of the request to a
    feature; all must be there, null where unknown. Without it features have their own names and may be left out.
    ``sentences``, by language, are what is answered where JSON is not asked for; the first language is the usual one.
    """

    path: str = Field(pattern=r"^/[A-Za-z0-9_/-]*$", max_length=200)
    methods: tuple[Literal["GET", "POST"], ...] = Field(min_length=1)
    does: Does
    query: Identifier | None = None
    fields: dict[Name, Annotated[AliasField, BeforeValidator(_by_name)]] = Field(default_factory=dict)
    sentences: dict[Language, Sentences] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _combination(self) -> Self:
        if self.path in _OURS or self.path.startswith("/api/") or (self.path == _HEALTH and self.does != "health"):
            raise ValueError(f"a path of its own: {self.path} is the service's")
        if len(set(self.methods)) < len(self.methods):
            raise ValueError("'methods' each once")
        if self.does not in _SCORES and (self.query or self.fields):
            raise ValueError(f"'query' and 'fields' go with 'does: predict' and 'predict_batch', not '{self.does}'")
        if self.does != "predict" and self.sentences:
            raise ValueError(f"'sentences' go with 'does: predict', not '{self.does}'")
        if self.does in _SCORES and self.query is None and "GET" in self.methods:
            raise ValueError("a GET has no body: 'query' must name the parameter that holds the JSON")
        features = [one.feature for one in self.fields.values()]
        twice = [name for name in features if features.count(name) > 1]
        if twice:
            raise ValueError(f"two fields for the feature '{twice[0]}'")
        return self


class Api(Frozen):
    """What a use case asks of the scoring API beside the usual routes."""

    aliases: tuple[Alias, ...] = ()

    @model_validator(mode="after")
    def _different(self) -> Self:
        served = [(method, alias.path) for alias in self.aliases for method in alias.methods]
        twice = [one for one in served if served.count(one) > 1]
        if twice:
            raise ValueError(f"two aliases for {' '.join(twice[0])}")
        return self
