"""When watching raises an alert: the ``monitor`` part of a spec."""

from datetime import timedelta

from pydantic import Field

from leadmill.columns import Duration, Frozen, Identifier


class Monitor(Frozen):
    """What is compared and what is beyond the usual; the defaults stay silent in quiet weeks (docs/monitoring.md).

    Drift is an alarm where a difference is both large and no chance: a population stability index above ``psi`` (of
    the scores: ``score_psi``), or a missing rate that moved by more than ``missing``, or more than ``new_levels`` of
    the rows with an unknown level, at a family-wise error of ``p_value`` over all watched subjects of a run.
    Performance is one where the interval of the area under the ROC curve lies ``ranking`` below the holdout's, or that
    of the mean probability less the conversion more than ``calibration`` from zero. Fewer than ``min_entities`` are
    never judged. ``scored_within`` and ``trained_within`` are deadlines by the source's clock; that of the features is
    ``score.stale_after``. ``email`` gets new alerts through the Airflow connection ``smtp_connection``.
    """

    recent: Duration = timedelta(days=7)
    min_entities: int = Field(default=100, ge=20)
    psi: float = Field(default=0.2, gt=0)
    score_psi: float = Field(default=0.2, gt=0)
    missing: float = Field(default=0.1, gt=0, lt=1)
    new_levels: float = Field(default=0.02, gt=0, lt=1)
    p_value: float = Field(default=0.001, gt=0, lt=1)
    ranking: float = Field(default=0.02, ge=0, lt=1)
    calibration: float = Field(default=0.015, ge=0, lt=1)
    scored_within: Duration = timedelta(days=1)
    trained_within: Duration = timedelta(days=35)
    email: tuple[str, ...] = ()
    smtp_connection: Identifier = "smtp_default"
