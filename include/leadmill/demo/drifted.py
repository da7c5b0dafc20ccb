"""What drift costs a champion against the oracle, and how much of it a challenger wins back."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import text

from leadmill.demo.crm import oracle
from leadmill.demo.warehouse import warehouse_engine
from leadmill.registry import ledger
from leadmill.registry.champion import load_pipeline
from leadmill.registry.contract import inputs_from
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame
from leadmill.training.inputs import model_frame
from leadmill.training.predict import probabilities

Span = tuple[datetime, datetime]
"""After the first and up to the second."""


@dataclass(frozen=True)
class WonBack:
    """In ROC AUC as it is expected by the oracle, on ``rows`` rows of leads of the drifted world.

    ``cost`` is by how much further the old version is behind the oracle there than it was on the usual leads, ``won``
    by how much the new one is ahead of the old one.
    """

    rows: int
    cost: float
    won: float

    @property
    def share(self) -> float:
        """Of what the drift cost."""
        return self.won / self.cost


def won_back(use_case: UseCase, old: str, new: str, usual: Span, drifted: Span) -> WonBack:
    """Compare two versions on the rows that leads reach their declared ages with in each span of time.

    The rows should be such whose labels nobody knew when the versions were trained. Needs the simulated CRM.
    """
    before, now = _rows_at_ages(use_case, usual, 0), _rows_at_ages(use_case, drifted, 1)
    behind = _best(before) - expected_auc(_answers(use_case, old, before), before["truth"])
    ours, theirs = (expected_auc(_answers(use_case, one, now), now["truth"]) for one in (new, old))
    return WonBack(len(now), _best(now) - theirs - behind, ours - theirs)


def expected_auc(score: "pd.Series[float]", truth: "pd.Series[float]") -> float:
    """ROC AUC that ``score`` has on average over the outcomes that may follow from the probabilities ``truth``."""
    of = pd.DataFrame({"positive": truth.to_numpy(), "negative": 1 - truth.to_numpy()}).groupby(score.to_numpy()).sum()
    below = of["negative"].cumsum() - of["negative"] / 2
    return float((of["positive"] * below).sum() / (of["positive"].sum() * of["negative"].sum()))


def _best(rows: pd.DataFrame) -> float:
    return expected_auc(rows["truth"], rows["truth"])


def _rows_at_ages(use_case: UseCase, span: Span, world: int) -> pd.DataFrame:
    """Features of the leads of a world (0: the usual, 1: the drifted), with the oracle's probability as ``truth``."""
    ages = ", ".join(f"interval '{age.total_seconds():.0f} seconds'" for age in use_case.as_of)
    found = read_frame(
        "SELECT f.*, e.first_recorded_at + age AS as_of FROM features.leads_entities AS e "
        f"CROSS JOIN unnest(ARRAY[{ages}]) AS age JOIN LATERAL (SELECT * FROM features.leads AS f "
        "WHERE f.lead_id = e.lead_id AND event_timestamp <= e.first_recorded_at + age "
        "ORDER BY event_timestamp DESC, created_timestamp DESC LIMIT 1) AS f ON true "
        "WHERE e.first_recorded_at + age > $1 AND e.first_recorded_at + age <= $2",
        list(span),
    )
    with warehouse_engine().connect() as connection:
        statement = text("SELECT lead_id FROM sim.truth WHERE regime = :world")
        of_world = set(connection.execute(statement, {"world": world}).scalars())
        found = found[found["lead_id"].isin(of_world)]
        truth = oracle.probabilities(connection, found["lead_id"], found["as_of"])
    found["as_of"] = pd.to_datetime(found["as_of"], utc=True)
    return found.merge(truth.rename(columns={"probability": "truth"}), on=["lead_id", "as_of"])


def _answers(use_case: UseCase, version: str, rows: pd.DataFrame) -> "pd.Series[float]":
    inputs = inputs_from(ledger.known_model(use_case.name, version).inputs)
    return pd.Series(probabilities(load_pipeline(use_case.name, version), model_frame(rows, inputs)))
