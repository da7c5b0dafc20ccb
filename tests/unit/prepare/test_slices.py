"""Slices: which imputer fills which row, and when the next one is fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support import x_education

from leadmill.prepare import slices
from leadmill.prepare.imputer import Imputer
from leadmill.prepare.slices import History, SliceFiller
from leadmill.spec import UseCase

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return T0 + timedelta(minutes=float(count))


def typed_rows(times: list[float]) -> pd.DataFrame:
    """Typed rows of x_education at these minutes; every third value of each learned column is missing."""
    kinds: dict[str, Any] = {"category": "object", "bool": "object"}
    moments = pd.to_datetime([minutes(t) for t in times])
    rows = pd.DataFrame({"row_no": np.arange(len(times)), "event_timestamp": moments})
    rows["lead_id"] = rows["row_no"].map("{:06d}".format)
    rows["first_recorded_at"], rows["donor"] = moments, True
    gaps = np.arange(len(times)) % 3 == 0
    for column in x_education().feature_columns:
        values: Any = np.arange(len(times)) % 3
        if column.type == "category":
            values = np.array(["api", "google", "sms_sent"], dtype=object)[values]
        elif column.type == "bool":
            values = values > 1
        series = pd.Series(values, dtype=kinds.get(column.type, "float64"))
        rows[column.name] = series.where(~gaps, None if series.dtype == object else np.nan)
    return rows


@pytest.fixture
def use_case(monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """x_education with imputers that learn nothing: which one fills a row is what these tests look at."""
    monkeypatch.setattr(
        slices, "fit", lambda version, donors, columns, through: Imputer(version, through, len(donors), {})
    )
    return x_education()


def no_history(_: datetime) -> pd.DataFrame:
    return typed_rows([])


@dataclass
class Filling:
    """What came out of a filler: the filled parts and the imputers fitted on the way."""

    parts: list[pd.DataFrame]
    fitted: list[Imputer]


def fill(
    use_case: UseCase,
    frame: pd.DataFrame,
    stored: Sequence[Imputer] = (),
    before: int = 0,
    history: History = no_history,
    batch: int = 10_000,
) -> Filling:
    filler = SliceFiller(use_case, stored, before, history)
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    parts = [part.to_pandas() for part in filler.fill(rows.slice(n, batch) for n in range(0, len(frame), batch))]
    assert filler.donors == frame["donor"].sum()
    return Filling(parts, filler.fitted)


def versions(filling: Filling) -> dict[int, int]:
    """row_no -> version that filled it."""
    rows = pd.concat(filling.parts)
    return dict(zip(rows["row_no"].tolist(), rows["imputer_version"].tolist(), strict=True))


def test_the_first_500_rows_are_filled_by_the_constants(use_case: UseCase) -> None:
    filling = fill(use_case, typed_rows(list(range(1200))))
    found = versions(filling)
    assert [found[n] for n in (0, 499, 500, 999, 1000, 1199)] == [0, 0, 1, 1, 2, 2]
    assert [(i.version, i.rows, i.fitted_through) for i in filling.fitted] == [
        (1, 500, minutes(499)),
        (2, 1000, minutes(999)),
    ]


def test_too_few_rows_fit_nothing(use_case: UseCase) -> None:
    filling = fill(use_case, typed_rows(list(range(500))))
    assert filling.fitted == []
    assert set(versions(filling).values()) == {0}


def test_a_slice_never_ends_between_rows_of_one_time(use_case: UseCase) -> None:
    times = [n // 7 for n in range(1500)]
    frame = typed_rows([float(t) for t in times])
    filling = fill(use_case, frame)
    rows = pd.concat(filling.parts)
    assert rows.groupby("event_timestamp")["imputer_version"].nunique().max() == 1
    through = {i.version: i.fitted_through for i in filling.fitted}
    assert list(through) == [1, 2]
    for row in rows.itertuples():
        if row.imputer_version:
            assert through[row.imputer_version] < row.event_timestamp
    # 500 / 7 is no whole number: the slice takes the rest of its last tie.
    assert sum(1 for version in rows["imputer_version"] if version == 0) == 504


def test_rows_of_one_single_time_never_see_an_imputer(use_case: UseCase) -> None:
    filling = fill(use_case, typed_rows([5.0] * 1300))
    assert set(versions(filling).values()) == {0}
    # A second window at that very time: no row was before it, so nothing can be learned for it.
    again = fill(use_case, typed_rows([5.0] * 3), before=1300)
    assert (set(versions(again).values()), again.fitted) == ({0}, [])


def test_late_rows_use_an_older_imputer(use_case: UseCase) -> None:
    stored = (Imputer(1, minutes(499), 500, {}), Imputer(2, minutes(999), 1000, {}))
    frame = typed_rows([100.0, 499.0, 499.5, 999.0, 999.5, 1500.0])
    found = versions(fill(use_case, frame, stored, before=1200))
    assert found == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2, 5: 2}


def test_late_rows_before_everything_are_filled_by_the_constants(use_case: UseCase) -> None:
    filling = fill(use_case, typed_rows([1.0, 2.0, 3.0]), before=600)
    assert versions(filling)[0] == 0
    assert all(i.fitted_through is not None and i.fitted_through < minutes(3) for i in filling.fitted)


def test_donors_are_capped_but_fits_stay_rare(use_case: UseCase) -> None:
    # A million rows exist, of which the history gives the newest few: one fit is due, not one per row.
    calls: list[datetime] = []

    def history(until: datetime) -> pd.DataFrame:
        calls.append(until)
        return typed_rows([float(n) for n in range(-600, 0)])

    stored = (Imputer(1, minutes(-700), 20_000, {}),)
    filling = fill(use_case, typed_rows([float(n) for n in range(50)]), stored, 1_000_000, history)
    assert [(i.version, i.rows) for i in filling.fitted] == [(2, 1_000_000)]
    assert len(calls) == 1
    assert set(versions(filling).values()) == {2}


def test_growth_decides_when_to_fit_again(use_case: UseCase) -> None:
    stored = (Imputer(1, minutes(-1_000), 500, {}),)

    def fitted(rows: int) -> int:
        frame, history = typed_rows([float(n) for n in range(rows)]), typed_rows([float(n) for n in range(-989, 0)])
        return len(fill(use_case, frame, stored, 989, lambda _: history).fitted)

    assert (fitted(10), fitted(12)) == (0, 1)


def test_an_imputer_of_other_terms_is_replaced_at_once_and_late_rows_keep_it(use_case: UseCase) -> None:
    """What fits is asked of the one that fills new rows alone."""
    terms = {column.name: [column.type, "mode"] for column in use_case.feature_columns}
    stored = (Imputer(1, minutes(499), 600, {}), Imputer(2, minutes(999), 1_000, {}, terms=terms))
    history = typed_rows([float(n) for n in range(1_200)])
    frame = typed_rows([700.0, 999.0, 999.5, *(1_300.0 + n for n in range(20))])
    filling = fill(use_case, frame, stored, 1_200, lambda until: history[history["event_timestamp"] < until])
    assert [(one.version, one.rows) for one in filling.fitted] == [(3, 1_202)]
    found = versions(filling)
    assert [found[n] for n in range(5)] == [1, 1, 3, 3, 3]
    known = fill(use_case, frame, stored[:1], 1_100, lambda until: history[history["event_timestamp"] < until])
    assert known.fitted == []


def test_every_row_comes_out_once(use_case: UseCase) -> None:
    frame = typed_rows([float(n // 3) for n in range(1100)])
    rows = pd.concat(fill(use_case, frame).parts)
    assert sorted(rows["row_no"]) == list(range(1100))
    assert not rows.isna().any().any()


def test_rows_to_come_change_nothing_of_what_was_filled() -> None:
    """Real imputers: changing every value after a time leaves all earlier filled rows as they are."""
    frame = typed_rows([float(n) for n in range(1100)])
    changed = frame.copy()
    later = changed.index >= 700
    for column in x_education().feature_columns:
        if column.type in ("int", "float"):
            changed.loc[later, column.name] = 13.0
    first = pd.concat(fill(x_education(), frame).parts).set_index("row_no").sort_index()
    second = pd.concat(fill(x_education(), changed).parts).set_index("row_no").sort_index()
    pd.testing.assert_frame_equal(first.loc[:699], second.loc[:699])
    assert first.loc[0, "imputer_version"] == 0
    assert first.loc[699, "imputer_version"] == 1


def test_too_few_donors_before_a_late_row_fit_nothing(use_case: UseCase) -> None:
    newest = Imputer(1, minutes(9_000), 4_000, {})
    asked = []

    def three_older(until: datetime) -> pd.DataFrame:
        asked.append(until)
        names = ["event_timestamp", *(column.name for column in use_case.feature_columns)]
        return typed_rows([0, 1, 2])[names]

    filling = fill(use_case, typed_rows([5 + n for n in range(40)]), [newest], 8_000, three_older)
    assert filling.fitted == []
    assert set(versions(filling).values()) == {0}
    assert len(asked) == 1


@pytest.mark.parametrize("batch", [100, 333])
def test_batches_change_nothing(batch: int) -> None:
    """Real imputers, and times shared by rows on both sides of a batch's end."""
    frame = typed_rows([float(n // 3) for n in range(1100)])
    whole, batched = (fill(x_education(), frame, batch=size) for size in (10_000, batch))
    first, second = (pd.concat(one.parts).sort_values("row_no", ignore_index=True) for one in (whole, batched))
    pd.testing.assert_frame_equal(first, second)
    assert [(one.version, one.rows) for one in whole.fitted] == [(one.version, one.rows) for one in batched.fitted]


def test_the_newest_donors_are_remembered_and_no_more(use_case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_DONORS", 600)
    seen: list[list[float]] = []

    def learn(version: int, donors: pd.DataFrame, columns: object, through: datetime) -> Imputer:
        seen.append(donors["total_visits"].tail(3).tolist())
        assert len(donors) <= 2 * 600 + 400
        return Imputer(version, through, len(donors), {})

    monkeypatch.setattr(slices, "fit", learn)
    filling = fill(use_case, typed_rows([float(n) for n in range(4100)]), batch=400)
    assert [one.rows for one in filling.fitted] == [500, 1000, 2000, 4000]
    assert len(seen) == 4
