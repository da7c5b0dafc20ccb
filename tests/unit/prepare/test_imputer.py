"""The seven ways to fill a gap: each in the column's own unit, within its bounds, and blind to later rows."""

from datetime import UTC, datetime
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from leadmill.columns import Column
from leadmill.prepare.imputer import Imputer, cold_start, dump, fit, load

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def column(name: str, kind: str, impute: str, **more: Any) -> Column:
    return Column(name=name, title=name, type=kind, impute=impute, **more)


COLUMNS = (
    column("visits", "int", "median", min=0, max=20, fill=3),
    column("seconds", "float", "linear", min=0, max=2000, fill=100.5),
    column("pages", "int", "knn", min=0, max=40, fill=2),
    column("points", "int", "tree", min=0, max=30, fill=9),
    column("mood", "ordered", "knn", levels=["low", "medium", "high"], fill="medium"),
    column("agreed", "bool", "mode", fill=False),
    column("asked", "bool", "constant", fill=True),
    column("liked", "bool", "tree", fill=False),
    column("origin", "category", "unknown"),
    column("city", "category", "mode", fill="mumbai"),
    column("topic", "category", "knn", fill="sales"),
)
BY_NAME = {one.name: one for one in COLUMNS}


def donors(rows: int = 204) -> pd.DataFrame:
    """Rows in which every other column follows from the visits."""
    visits = np.arange(rows) % 12
    return pd.DataFrame(
        {
            "visits": visits.astype(float),
            "seconds": visits * 100.0,
            "pages": (visits * 2).astype(float),
            "points": np.where(visits > 5, 25.0, 5.0),
            "mood": np.select([visits < 4, visits < 8], [0.0, 1.0], 2.0),
            "agreed": pd.Series(visits > 2, dtype=object),
            "asked": pd.Series(visits > 2, dtype=object),
            "liked": pd.Series(visits > 5, dtype=object),
            "origin": pd.Series(np.where(visits > 5, "api", "form"), dtype=object),
            "city": pd.Series(np.where(visits == 0, "delhi", "thane"), dtype=object),
            "topic": pd.Series(np.where(visits > 5, "law", "art"), dtype=object),
        }
    )


def empty_row(**known: Any) -> pd.DataFrame:
    """A row of which only ``known`` is there."""
    types = {one.name: "object" if one.type in ("bool", "category") else "float64" for one in COLUMNS}
    return pd.DataFrame({name: pd.Series([known.get(name)], dtype=kind) for name, kind in types.items()})


@pytest.fixture(scope="module")
def imputer() -> Imputer:
    return fit(1, donors(), COLUMNS, NOW)


def test_before_the_first_fit_the_constants_of_the_spec_fill() -> None:
    filled = cold_start().fill(empty_row(), COLUMNS).iloc[0]
    expected = {
        "visits": 3, "seconds": 100.5, "pages": 2, "points": 9, "mood": 1, "agreed": False, "asked": True,
        "liked": False, "origin": "unknown", "city": "mumbai", "topic": "sales",
    }  # fmt: skip
    assert {name: filled[name] for name in expected} == expected
    assert cold_start().version == 0


@pytest.mark.parametrize("version", [0, 1])
def test_types_and_flags_are_those_declared(imputer: Imputer, version: int) -> None:
    mixed = pd.concat([donors(5), empty_row()], ignore_index=True)
    filled = (imputer if version else cold_start()).fill(mixed, COLUMNS)
    types = {"int": "int64", "ordered": "int64", "float": "float64", "bool": "bool", "category": "object"}
    assert {one.name: str(filled[one.name].dtype) for one in COLUMNS} == {one.name: types[one.type] for one in COLUMNS}
    for one in COLUMNS:
        if one.has_flag:
            assert filled[one.flag].tolist() == [False] * 5 + [True]
    assert "origin_missing" not in filled
    given = donors(5)
    pd.testing.assert_frame_equal(filled.loc[:4, given.columns], given, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("visits", {}, 6),  # the median of 0 ... 11 is 5.5, a whole number is 6
        ("agreed", {}, True),
        ("city", {}, "thane"),
        ("asked", {"visits": 0.0}, True),
        ("origin", {"visits": 9.0}, "unknown"),
    ],
)
def test_constants_and_statistics_fill_whatever_the_row_says(
    imputer: Imputer, name: str, known: dict[str, Any], expected: Any
) -> None:
    filled = imputer.fill(empty_row(**known), COLUMNS).iloc[0]
    assert filled[name] == expected


@pytest.mark.parametrize("name", ["points", "liked", "mood", "topic", "pages"])
@pytest.mark.parametrize("visits", [1, 6, 10])
def test_neighbours_and_trees_fill_what_the_rest_of_the_row_says(imputer: Imputer, name: str, visits: int) -> None:
    complete = donors().iloc[[visits]]
    gap = complete.assign(**{name: pd.Series([None], index=complete.index, dtype=complete[name].dtype)})
    filled = imputer.fill(gap, COLUMNS)
    assert filled[name].iloc[0] == complete[name].iloc[0]


def test_linear_and_neighbours_answer_in_the_columns_own_unit(imputer: Imputer) -> None:
    known = {"visits": 7.0, "points": 25.0, "mood": 1.0, "agreed": True, "liked": True, "asked": True}
    known |= {"origin": "api", "city": "thane", "topic": "law"}
    assert imputer.fill(empty_row(pages=14.0, **known), COLUMNS)["seconds"].iloc[0] == pytest.approx(700, abs=60)
    assert imputer.fill(empty_row(seconds=700.0, **known), COLUMNS)["pages"].iloc[0] in (13, 14, 15)


@pytest.mark.parametrize("visits", [-1e6, 1e6])
def test_a_filled_value_stays_within_the_bounds(imputer: Imputer, visits: float) -> None:
    filled = imputer.fill(empty_row(visits=visits, pages=visits), COLUMNS).iloc[0]
    for name in ("seconds", "points", "mood"):
        low = BY_NAME[name].min if BY_NAME[name].min is not None else 0
        high = BY_NAME[name].max if BY_NAME[name].max is not None else len(BY_NAME[name].levels) - 1
        assert low <= filled[name] <= high


def with_terms(name: str, **changed: Any) -> tuple[Column, ...]:
    """The columns after somebody has edited one of them."""
    return tuple(one.model_copy(update=changed) if one.name == name else one for one in COLUMNS)


@pytest.mark.parametrize(
    ("name", "changed", "fills"),
    [
        ("visits", {"impute": "knn"}, 3),
        ("visits", {"impute": "constant", "fill": 4}, 4),
        ("pages", {"impute": "median"}, 2),
        ("pages", {"impute": "constant", "fill": 5}, 5),
        ("topic", {"impute": "unknown"}, "unknown"),
        ("city", {"impute": "unknown"}, "unknown"),
        ("city", {"levels": ["mumbai", "pune"]}, "mumbai"),
        # The median was 6.
        ("visits", {"max": 4}, 4),
    ],
)
def test_on_other_terms_than_it_was_fitted_on_the_constant_fills(
    imputer: Imputer, name: str, changed: dict[str, Any], fills: Any
) -> None:
    filled = imputer.fill(empty_row(), with_terms(name, **changed))
    assert filled[name].iloc[0] == fills
    # What was not touched is filled as before.
    assert filled["agreed"].iloc[0]


def test_an_imputer_says_whether_it_was_fitted_on_these_terms(imputer: Imputer) -> None:
    more = (*COLUMNS, column("new", "int", "median", fill=1))
    fewer = tuple(one for one in COLUMNS if one.name != "asked")
    looser = with_terms("visits", max=50, title="Visits", fill=1)
    assert [imputer.fits(columns) for columns in (COLUMNS, COLUMNS[::-1], more, looser)] == [True] * 4
    assert not imputer.fits(fewer)
    assert not imputer.fits(with_terms("visits", impute="knn"))
    assert imputer.fits(with_terms("city", impute="unknown"))
    filled = imputer.fill(empty_row().drop(columns="asked"), fewer).iloc[0]
    # What was told from all the others is told no more.
    assert (filled["seconds"], filled["pages"], filled["visits"]) == (100.5, 2, 6)


def test_a_level_that_is_declared_no_more_fills_nothing(imputer: Imputer) -> None:
    taught = fit(1, donors(), with_terms("topic", levels=["art", "sales"]), NOW)
    for name in ("law", "art"):
        row = donors().iloc[[10 if name == "law" else 1]].assign(topic=None)
        assert taught.fill(row, with_terms("topic", levels=["art", "sales"]))["topic"].iloc[0] in ("art", "sales")


def test_a_column_that_no_donor_has_keeps_its_constant() -> None:
    gone = donors()
    for name in ("seconds", "pages", "mood"):
        gone[name] = float("nan")
    gone["topic"] = None
    filled = fit(1, gone, COLUMNS, NOW).fill(empty_row(), COLUMNS).iloc[0]
    assert (filled["seconds"], filled["pages"], filled["mood"], filled["topic"]) == (100.5, 2, 1, "sales")


def test_an_unseen_category_among_the_predictors_is_no_error(imputer: Imputer) -> None:
    filled = imputer.fill(empty_row(origin="never_seen", city="nowhere", visits=3.0), COLUMNS)
    assert filled["origin"].iloc[0] == "never_seen"
    assert not filled.isna().any().any()


@pytest.mark.parametrize("dtype", ["object", "float64"])
def test_a_gap_in_every_row_is_filled(imputer: Imputer, dtype: str) -> None:
    rows = pd.concat([empty_row(visits=float(n)) for n in range(4)], ignore_index=True)
    rows["pages"] = rows["pages"].astype(dtype)
    assert not imputer.fill(rows, COLUMNS).isna().any().any()


@pytest.mark.parametrize("version", [0, 1])
def test_a_number_that_is_none_is_a_gap(imputer: Imputer, version: int) -> None:
    """Postgres has NaN beside NULL, and sql/features.sql may come to it."""
    gap, nan = (
        pa.table({name: pa.nulls(1) for name in BY_NAME} | {"seconds": pa.array([value], pa.float64())})
        for value in (None, float("nan"))
    )
    filled = [(imputer if version else cold_start()).fill_table(rows, COLUMNS).to_pylist() for rows in (gap, nan)]
    assert filled[0] == filled[1]
    assert filled[1][0]["seconds_missing"] is True


def test_no_rows_stay_no_rows(imputer: Imputer) -> None:
    none = donors().iloc[:0]
    for one in (imputer, cold_start()):
        filled = one.fill(none, COLUMNS)
        assert len(filled) == 0
        assert {"visits_missing", "mood_missing"} <= set(filled.columns)


def test_the_artifact_gives_the_same_imputer_back(imputer: Imputer) -> None:
    back = load(1, NOW, 200, dump(imputer))
    rows = pd.concat([empty_row(), empty_row(visits=4.0, origin="api"), donors(7)], ignore_index=True)
    pd.testing.assert_frame_equal(back.fill(rows, COLUMNS), imputer.fill(rows, COLUMNS))
    assert back.fitted_through == NOW


def test_an_artifact_with_a_type_we_did_not_write_is_refused(tmp_path: Any) -> None:
    hostile = skops.io.dumps({"visits": ZipFile})
    with pytest.raises(UntrustedTypesFoundException, match="ZipFile"):
        load(1, NOW, 10, hostile)


def test_fitting_again_on_the_same_rows_gives_the_same_values(imputer: Imputer) -> None:
    again = fit(1, donors(), COLUMNS, NOW)
    rows = pd.concat([empty_row(visits=float(n), city="delhi") for n in range(12)], ignore_index=True)
    pd.testing.assert_frame_equal(again.fill(rows, COLUMNS), imputer.fill(rows, COLUMNS))


@pytest.mark.parametrize("known", [1, 10])
def test_few_donors_that_know_a_column_are_enough(known: int) -> None:
    frame = donors()
    frame.loc[frame.index[known:], ["pages", "mood", "topic"]] = None
    filled = fit(1, frame, COLUMNS, NOW).fill(empty_row(visits=3), COLUMNS)
    assert 0 <= filled["pages"].iloc[0] <= 40
    assert filled["topic"].iloc[0] in ("art", "law")
