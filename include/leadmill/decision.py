"""What follows from a score: the ``decision`` part of a spec."""

from typing import Self

from pydantic import Field, model_validator

from leadmill.columns import Frozen, Level


class Costs(Frozen):
    """What a wrong decision costs, both in the same unit; a right one costs nothing."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)

    @property
    def even(self) -> float:
        """The probability at which both decisions cost the same on average (Elkan 2001, equation 2)."""
        return self.false_positive / (self.false_positive + self.false_negative)


class Decision(Frozen):
    """How a probability becomes yes or no, and what these are called: here each operating point is a field.

    ``costs``: the threshold that costs least is learned with each version (see ``training.threshold``). Another point
    is one more optional field here and one more key of what a version keeps (``ops.models.decision``).

    ``alerts_per_day``: how many decisions a day may be positive. The threshold is then never below that of the budget
    on the newest rows (see ``training.alerts``), and ``scores.<use case>_alerts`` has each day's highest.
    """

    costs: Costs
    alerts_per_day: float | None = Field(default=None, gt=0)
    positive: Level = "positive"
    negative: Level = "negative"

    @model_validator(mode="after")
    def _different(self) -> Self:
        if self.positive == self.negative:
            raise ValueError("'positive' and 'negative' are two different words")
        return self
