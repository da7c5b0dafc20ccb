"""What a use case says of its models: which compete, how one is chosen, and what it must show before it may serve."""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from leadmill.columns import Duration, Frozen, Identifier
from leadmill.errors import nearest

Candidate = Literal["logistic_regression", "additive_scorecard", "random_forest", "hist_gradient_boosting"]
# What a finding of the leak scan may be about beside a feature.
NO_FEATURES = ("features_sql", "event_timestamp", "outcome_times")
# What a declared candidate may set of its kind; weights, threads and chance are leadmill's own matter.
PARAMETERS: dict[Candidate, tuple[str, ...]] = {
    "logistic_regression": ("C", "l1_ratio", "solver", "max_iter", "tol"),
    "additive_scorecard": ("C", "l1_ratio", "solver", "max_iter", "tol", "bins"),
    "random_forest": (
        *("n_estimators", "criterion", "max_depth", "min_samples_split", "min_samples_leaf", "max_features"),
        *("max_leaf_nodes", "min_impurity_decrease", "ccp_alpha", "max_samples"),
    ),
    "hist_gradient_boosting": (
        *("learning_rate", "max_iter", "max_leaf_nodes", "max_depth", "min_samples_leaf", "max_features"),
        *("l2_regularization", "max_bins"),
    ),
}


class Published(Frozen):
    """Accuracies at one half that somebody has published of a model, of the rows it had learned and cross-validated."""

    training_accuracy: float | None = Field(default=None, ge=0, le=1)
    accuracy: float | None = Field(default=None, ge=0, le=1)


class Declared(Frozen):
    """A candidate with parameters and inputs of its own: of a kind (``builder``), on some of the model's inputs.

    ``published`` figures are printed beside those that leadmill finds.
    """

    builder: Candidate
    parameters: dict[str, int | float | str] = Field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    published: Published = Published()

    @model_validator(mode="after")
    def _known(self) -> Self:
        allowed = PARAMETERS[self.builder]
        for name in self.parameters:
            if name not in allowed:
                near = nearest(name, allowed)
                hint = f"; did you mean '{near}'?" if near else f": {', '.join(allowed)}"
                raise ValueError(f"'{name}' is no parameter of {self.builder} that a spec may set{hint}")
        return self


class Model(Frozen):
    """Candidates from simple to complex, the metric that chooses, and named variants for comparison only.

    ``choice``: the first candidate within one standard error of the best, or the best. ``class_weights: balanced`` lets
    both classes weigh the same while a classifier learns; the calibration behind it sees the true shares again.
    ``prior`` is the true share of positives where the source holds rebalanced rows. ``allowed_leaks`` gives a reason
    for each finding of the leak scan that is right after all, by feature or by one of NO_FEATURES.

    ``declared`` candidates compete beside the others, each after those of its kind. ``baselines`` are features: what
    each says alone is printed beside what the models say. ``edges: together`` is of bands of a number: one classifier
    of all edges, which learns how amounts lie to an edge, where otherwise each edge has its own.
    """

    candidates: tuple[Candidate, ...] = Field(min_length=1)
    metric: Literal["pr_auc", "roc_auc", "log_loss"] = "pr_auc"
    choice: Literal["one_standard_error", "best"] = "one_standard_error"
    class_weights: Literal["none", "balanced"] = "none"
    prior: float | None = Field(default=None, gt=0, lt=1)
    inputs: tuple[str, ...] = ()
    variants: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)
    leak_alarm: float = 0.97
    allowed_leaks: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    declared: dict[Identifier, Declared] = Field(default_factory=dict)
    baselines: tuple[str, ...] = ()
    edges: Literal["apart", "together"] = "apart"

    @model_validator(mode="after")
    def _simple_first(self) -> Self:
        order = [name for name in get_args(Candidate) if name in self.candidates]
        if list(self.candidates) != order:
            raise ValueError(f"'candidates' each once and from simple to complex: {', '.join(order)}")
        taken = sorted(set(self.declared) & {*get_args(Candidate), "external"})
        if taken:
            raise ValueError(f"a declared candidate with a name of its own: '{taken[0]}' is taken")
        return self

    @property
    def competing(self) -> tuple[str, ...]:
        """Names of all candidates, from simple to complex, declared ones after those of their kind."""
        kinds = get_args(Candidate)
        return tuple(sorted((*self.candidates, *self.declared), key=lambda name: kinds.index(self.builder_of(name))))

    def builder_of(self, candidate: str) -> str:
        """Of which kind a candidate is."""
        return self.declared[candidate].builder if candidate in self.declared else candidate

    def parameters_of(self, candidate: str) -> dict[str, int | float | str]:
        """What a declared candidate sets of its kind; nothing of the others."""
        return dict(self.declared[candidate].parameters) if candidate in self.declared else {}


class Tune(Frozen):
    """How far a tuning searches: so many trials of each candidate, in so many minutes of work at most, over all.

    ``candidates`` are those to tune, all of the model's where none is named.
    """

    trials: int = Field(default=25, ge=2)
    minutes: float = Field(default=60, gt=0)
    candidates: tuple[Candidate, ...] = ()


class Gate(Frozen):
    """What a challenger must show before it may serve, and who then decides.

    ``calibration`` is how far the mean probability may be off the positive rate, over all and in each fifth by score.
    ``slices`` are features by whose levels it may not lose more than ``slice_worse_by`` against the champion.
    ``mode``: what passes is promoted (auto), is promoted once a person approves within ``answer_within`` (ask), or is
    kept for a choice by hand (never).
    """

    min_rows: int = Field(default=1000, ge=20)
    min_positives: int = Field(default=120, ge=10)
    non_inferior_by: float = Field(default=0.005, ge=0)
    calibration: float = Field(default=0.05, gt=0, lt=1)
    slices: tuple[str, ...] = ()
    slice_worse_by: float = Field(default=0.02, ge=0)
    mode: Literal["auto", "ask", "never"] = "auto"
    answer_within: Duration = timedelta(days=1)
