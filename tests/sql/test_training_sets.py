"""A training set is rebuilt from its id, row by row, whatever has come in since."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from added_support import copied, edited, folder
from event_support import BEGIN, DAY, HOUR, Crm, activity, events, execute, outcome, version
from support import START, Warehouse, crm, key, lead, query, run_etl, x_education
from typer.testing import CliRunner

from leadmill import cli
from leadmill.errors import TrainingSetChanged, UnknownTrainingSet
from leadmill.features.backfill import backfill
from leadmill.features.history import Cutoff, newest_cutoff, training_frame
from leadmill.registry.dataset import fingerprint
from leadmill.registry.training_sets import rebuilt, record, training_sets
from leadmill.spec import UseCase, load_use_case

__all__ = ["crm", "events", "folder"]

COUNT: dict[str, Any] = {"type": "int", "min": 0, "impute": "none", "fill": 0}
END = BEGIN + 60 * DAY
LEADS, MANY = range(20), range(100, 610)


def few_features(raw: dict[str, Any]) -> None:
    """What the facts carry, at two ages; facts are read that become visible weeks late."""
    raw["as_of"] = ["1d", "7d"]
    raw["source"]["overlap"] = "70d"
    raw["features"] = {name: body for name, body in raw["features"].items() if body.get("fact")}


def with_counts(raw: dict[str, Any]) -> None:
    """Two that features.sql derives already."""
    raw["features"] |= {"visits_1d": COUNT, "chats_30d": COUNT}


def built(use_case: UseCase) -> tuple[str, pd.DataFrame, Cutoff]:
    """A training set as a training builds it: its id, its rows, and its cut-off."""
    cutoff = newest_cutoff(use_case)
    frame = training_frame(use_case, cutoff.moment, cutoff.window)
    return record(use_case, cutoff, frame), frame, cutoff


def leads_that_differ(frame: pd.DataFrame, other: pd.DataFrame) -> set[int]:
    both = pd.concat([frame, other]).astype({"weight": float})
    single = both[~both.duplicated(keep=False)]
    return {int(lead_id[-12:], 16) for lead_id in single["lead_id"]}


def facts_and_outcomes_come_late(crm: Crm, use_case: UseCase) -> None:
    """Recorded in the first days, and visible only now: features at both ages, an outcome where there was none, and
    one of the very same times that says something else.
    """
    told = [version(number, BEGIN + HOUR, submitted_at=BEGIN, origin="Landing Page Submission") for number in (1, 12)]
    told += [outcome(6, "won", BEGIN + 5 * DAY, BEGIN + 6 * DAY), outcome(5, "won", BEGIN + 3 * DAY)]
    crm.run(*told, until=END + HOUR, use_case=use_case)
    assert query("SELECT lead_id, label, window_id, replaced_by FROM features.leads_labels_replaced") == [
        {"lead_id": key(5), "label": 0, "window_id": 1, "replaced_by": 2}
    ]


def imputers_learn(crm: Crm, use_case: UseCase) -> None:
    crm.run(*(version(number, END + DAY) for number in MANY), until=END + 4 * DAY, use_case=use_case)
    crm.run(version(700, END + 5 * DAY, activity_index=None), until=END + 6 * DAY, use_case=use_case)
    assert [row["version"] for row in query("SELECT version FROM ops.imputers")] == [1]


def test_nothing_that_comes_in_later_changes_a_training_set(events: Crm, folder: Path) -> None:
    use_case = copied("leads", folder, few_features)
    first = [version(number, BEGIN, activity_index=None) for number in LEADS]
    first += [outcome(number, "won", BEGIN + 3 * DAY) for number in range(3)] + [outcome(5, "lost", BEGIN + 3 * DAY)]
    first += [activity(number, "chat", BEGIN + HOUR) for number in range(10)]
    events.run(*first, until=END, use_case=use_case)
    training_set, frame, cutoff = built(use_case)
    assert (len(frame), frame["label"].sum()) == (36, 3)
    changed = []
    for arrive in (facts_and_outcomes_come_late, imputers_learn, None):
        if arrive:
            arrive(events, use_case)
        else:
            use_case = edited("leads", folder, with_counts, lambda sql: sql.replace("l.city,", "'delhi' AS city,"))
            assert backfill(use_case, "test") is not None
        found, again = rebuilt(use_case, training_set)
        pd.testing.assert_frame_equal(again, frame)
        # The moment alone would not have done.
        changed.append(leads_that_differ(frame, training_frame(use_case, cutoff.moment)[frame.columns]))
    assert changed == [{1, 5, 6, 12}, {1, 5, 6, 12}, set(LEADS)]
    assert (found.rows, found.window_id, found.versions) == (36, 1, [])
    assert [one.training_set for one in training_sets(use_case)] == [training_set]
    newer, rows, _ = built(use_case)
    assert newer != training_set
    pd.testing.assert_frame_equal(rebuilt(use_case, newer)[1], rows)


def test_the_command_lists_writes_and_proves(events: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests' own server is connected to already.
    monkeypatch.setattr("leadmill.cli_training_set.connect", lambda: None)
    use_case = load_use_case("leads")
    events.run(*(version(number, BEGIN) for number in LEADS), until=END, use_case=use_case)
    training_set, frame, _ = built(use_case)

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(cli.app, ["training-set", "leads", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    (listed,) = json.loads(said("--json"))
    for kind, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        file = tmp_path / f"rows{kind}"
        shown = json.loads(said(training_set, "--out", str(file), "--json"))
        assert shown == {"use_case": "leads", **listed, "file": str(file)}
        assert (shown["rows"], shown["fingerprint"]) == (len(frame), fingerprint(frame))
        written = read(file)
        assert list(written) == list(frame)
        assert written["lead_id"].tolist() == frame["lead_id"].tolist()
    pd.testing.assert_frame_equal(written, frame)


def test_a_set_that_cannot_be_rebuilt_says_why(events: Crm, folder: Path) -> None:
    use_case = copied("leads", folder, few_features)
    events.run(*(version(number, BEGIN) for number in LEADS), until=END, use_case=use_case)
    training_set = built(use_case)[0]
    with pytest.raises(
        UnknownTrainingSet, match=rf"no training set '{training_set[:-1]}'. Did you mean '{training_set}'"
    ):
        rebuilt(use_case, training_set[:-1])
    other_ages = edited("leads", folder, lambda raw: raw.update(as_of=["1d"]))
    versions = rf"20 rows come out, and it had 40. .*version {use_case.version} .*version {other_ages.version}"
    with pytest.raises(TrainingSetChanged, match=versions):
        rebuilt(other_ages, training_set)
    fewer = edited("leads", folder, lambda raw: [raw.update(as_of=["1d", "7d"]), raw["features"].pop("city")])
    with pytest.raises(
        TrainingSetChanged, match=rf"the spec has no feature city. .*{use_case.version}.*{fewer.version}"
    ):
        rebuilt(fewer, training_set)
    execute("UPDATE features.leads SET city = 'pune' WHERE lead_id = %s", [key(3)])
    with pytest.raises(TrainingSetChanged, match=r"its 40 rows come out with other values. The spec is the same"):
        rebuilt(use_case, training_set)


def test_of_a_snapshot_neither_while_the_clock_stands_still(crm: Warehouse) -> None:
    """Created times say nothing then; the windows do."""
    use_case = x_education()
    recorded = START - timedelta(minutes=5)
    crm.insert([lead(1, converted="1"), lead(2, converted="0"), lead(3, converted="0")], recorded)
    crm.move_clock(START)
    run_etl(use_case)
    training_set, frame, cutoff = built(use_case)
    assert frame["label"].tolist() == [1, 0, 0]
    # A moment later by the clock, for a window has to end somewhere, and recorded before.
    crm.insert([lead(1, converted="1", city="Pune"), lead(2, converted="1"), lead(4, converted="1")], recorded)
    crm.later(timedelta(seconds=1))
    run_etl(use_case)
    pd.testing.assert_frame_equal(rebuilt(use_case, training_set)[1], frame)
    assert training_frame(use_case)["label"].tolist() == [1, 1, 0, 1]
    assert len(query("SELECT FROM features.x_education_labels_replaced")) == 1
    assert cutoff == Cutoff(START, 1)


def test_a_snapshots_row_without_a_label_teaches_nothing(crm: Warehouse) -> None:
    """The newest label that says something counts, as monitoring has it."""
    crm.insert([lead(1, converted="1"), lead(2, converted="0"), lead(3, converted="0")], START - timedelta(minutes=5))
    crm.move_clock(START)
    run_etl(x_education())
    execute("UPDATE features.x_education_labels SET label = NULL WHERE lead_id = %s", [key(3)])
    assert training_frame(x_education())["label"].tolist() == [1, 0]
