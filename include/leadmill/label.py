"""What a use case predicts: an outcome, or the band in which a sum of outcomes lies."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator

from leadmill.columns import Duration, Frozen, Identifier, duration
from leadmill.learning import Model

Task = Literal["binary", "multiclass"]


def _horizon(value: object) -> object:
    return None if value in ("none", None) else duration(value)


class Label(Frozen):
    """What is predicted: the outcome within ``horizon``; None where labels are known at load.

    ``lag`` is the longest time that the source takes to record an outcome. With ``aggregate: sum`` the outcomes are
    amounts in ``unit``, and what is predicted is their sum within the horizon; ``last`` and ``seasonal`` name the
    features that say it of the horizon before and of that of a year ago, which models are compared with.
    """

    name: Identifier
    title: str = ""
    unit: str = ""
    horizon: Annotated[timedelta | None, BeforeValidator(_horizon)]
    lag: Duration = timedelta(0)
    aggregate: Literal["sum"] | None = None
    last: str | None = None
    seasonal: str | None = None

    @property
    def matures_after(self) -> timedelta:
        """From the time of a training row until its label is certain."""
        return (self.horizon or timedelta(0)) + self.lag


def check_task(task: Task, classes: Sequence[str], history: str, label: Label, model: Model, decides: bool) -> None:
    """Raise ValueError unless task, classes, kind of source, label, metric and decision go together."""
    if (task == "multiclass") != bool(classes):
        raise ValueError("'classes' go with 'task: multiclass', and only with it")
    if bool(classes) != (label.aggregate is not None):
        raise ValueError("'label.aggregate: sum' goes with 'task: multiclass', whose classes are bands of the sum")
    stray = [name for name in ("unit", "last", "seasonal") if getattr(label, name)]
    if stray and not classes:
        raise ValueError(f"'label.{stray[0]}' goes with 'label.aggregate', and only with it")
    if label.seasonal and not label.last:
        raise ValueError("'label.seasonal' falls back on 'label.last', so it needs it")
    if model.edges == "together" and not label.last:
        raise ValueError("'model.edges: together' compares amounts with edges around 'label.last', so it needs it")
    if classes:
        _check_classes(classes, history, model)
        if decides or model.baselines:
            raise ValueError(
                "'decision' and 'model.baselines' are of 'task: binary'; what bands are compared with is "
                "'label.last' and 'label.seasonal'"
            )


def _check_classes(classes: Sequence[str], history: str, model: Model) -> None:
    if len(classes) < 3 or len(set(classes)) < len(classes):
        raise ValueError("'classes' are at least three different names, from the lowest band to the highest")
    if history != "events":
        raise ValueError("'label.aggregate' sums what happens, so it goes with 'source.history: events'")
    if model.metric != "log_loss":
        raise ValueError("'task: multiclass' is chosen by 'model.metric: log_loss'")
    if model.edges == "together" and "additive_scorecard" in map(model.builder_of, model.competing):
        raise ValueError(
            "'model.edges: together' moves amounts from edge to edge; 'additive_scorecard' has them in bins"
        )
    if model.prior is not None or model.class_weights != "none":
        raise ValueError("'model.prior' and 'model.class_weights' are of two classes; bands hold equal shares already")
