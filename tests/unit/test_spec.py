"""Specs that are wrong, and what is said about them."""

import dataclasses
import math
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from leadmill import names, settings
from leadmill.errors import SpecError, UnknownUseCase
from leadmill.spec import UseCase, load_use_case, parse_use_case, use_case_names
from leadmill.storage.ddl import tables

Spec = dict[str, Any]
Edit = Callable[[Spec], object]


@pytest.fixture
def spec() -> Spec:
    """A small valid spec that every test below breaks in one place."""
    return {
        "name": "small",
        "title": "Small",
        "task": "binary",
        "entity": {"name": "lead", "key": "lead_id", "key_type": "uuid"},
        "source": {
            "connection": "warehouse",
            "relations": ["crm.leads"],
            "watermark": "recorded_at",
            "history": "snapshot",
            "timezone": "UTC",
            "file": {"key": "Lead"},
        },
        "label": {"name": "converted", "horizon": "none"},
        "features": {
            "visits": {"type": "int", "min": 0, "max": 500, "impute": "median", "fill": 3},
            "mood": {"type": "ordered", "levels": ["low", "high"], "impute": "knn", "fill": "low"},
            "origin": {"type": "category", "levels": ["api", "import"], "impute": "unknown"},
            "agreed": {"type": "bool", "impute": "constant", "fill": False},
            "tags": {"type": "category", "known_at": "after_contact"},
            "magazine": {"type": "bool", "drop": "constant"},
        },
        "model": {"candidates": ["logistic_regression"]},
        "score": {"population": "all", "bands": {"A": 0.1, "D": 1.0}},
    }


def write(folder: Path, spec: Spec | str) -> Path:
    file = folder / "small" / "use_case.yaml"
    (file.parent / "sql").mkdir(parents=True, exist_ok=True)
    (file.parent / "sql" / "extract.sql").write_text("SELECT * FROM crm.leads WHERE noted > :since AND noted <= :until")
    (file.parent / "sql" / "labels.sql").write_text("SELECT * FROM accepted")
    file.write_text(spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False))
    return file


def put(path: str, value: object) -> Edit:
    """An edit that sets the field at a dotted path."""

    def edit(spec: Spec) -> None:
        *parents, last = path.split(".")
        for part in parents:
            spec = spec[part]
        spec[last] = value

    return edit


def without(path: str) -> Edit:
    def edit(spec: Spec) -> None:
        *parents, last = path.split(".")
        for part in parents:
            spec = spec[part]
        del spec[last]

    return edit


def test_a_valid_spec_is_read(spec: Spec, tmp_path: Path) -> None:
    use_case = parse_use_case(write(tmp_path, spec))
    assert [column.name for column in use_case.feature_columns] == ["visits", "mood", "origin", "agreed"]
    assert use_case.inputs == use_case.feature_columns
    assert use_case.label.horizon is None
    assert use_case.source.safety_lag == timedelta(minutes=1)
    assert use_case.features["visits"].title == "Visits"
    assert use_case.score_column == "lead_score"


@pytest.mark.parametrize(
    ("edit", "path", "found", "says"),
    [
        (put("titel", "x"), "titel", "titel", ["one of name, title", "Did you mean 'title'?"]),
        (put("source.watermerk", "x"), "source.watermerk", "watermerk", ["Did you mean 'watermark'?"]),
        (put("source.file.keyy", "x"), "source.file.keyy", "keyy", ["one of key, key_hash, ", "Did you mean 'key'?"]),
        (put("features.visits.imputee", "x"), "features.visits.imputee", "imputee", ["Did you mean 'impute'?"]),
        (put("features.visits.name", "other"), "features.visits.name", "name", ["title, type"]),
        (put("features.visits.type", "integer"), "features.visits.type", "integer", ["'int'", "Did you mean 'int'?"]),
        (put("features.visits.impute", "medain"), "features.visits.impute", "medain", ["Did you mean 'median'?"]),
        (put("task", "binry"), "task", "binry", ["'binary' or 'multiclass'", "Did you mean 'binary'?"]),
        (put("entity.key_type", "guid"), "entity.key_type", "guid", ["'uuid', 'int' or 'string'"]),
        (put("entity.key", "Lead ID"), "entity.key", "Lead ID", ["lower-case letters, digits and underscores"]),
        (put("source.timezone", "Europe/Berln"), "source.timezone", "Europe/Berln", ["IANA", "'Europe/Berlin'"]),
        (put("source.safety_lag", "5 minutes"), "source.safety_lag", "5 minutes", ["30s, 1m, 12h or 7d"]),
        (put("source.relations", ["leads; drop"]), "source.relations.0", "leads; drop", ["such as shop.orders"]),
        (put("label.horizon", "soon"), "label.horizon", "soon", ["30s, 1m, 12h or 7d"]),
        (put("model.candidates", ["xgboost"]), "model.candidates.0", "xgboost", ["'logistic_regression'"]),
        (put("model.candidates", []), "model.candidates", [], ["at least 1"]),
        (without("title"), "title", "nothing", ["required"]),
        (without("features.visits.type"), "features.visits.type", "nothing", ["required"]),
        (put("features.visits", "int"), "features.visits", "int", ["valid dictionary"]),
        (put("gate", {"min_rows": 5}), "gate.min_rows", 5, ["20"]),
        (put("imputation", {"first": 100}), "imputation.first", 100, ["500"]),
        (put("folder", "/etc"), "folder", "folder", ["one of name, title"]),
        (put("features.Visits", {"type": "int"}), "features.Visits.name", "Visits", ["lower-case letters"]),
        (put("features.origin.levels", ["API"]), "features.origin.levels.0", "API", ["'api'"]),
        (put("features.visits.max", math.inf), "features.visits.max", math.inf, ["a finite number"]),
        (put("features.visits.min", -math.inf), "features.visits.min", -math.inf, ["a finite number"]),
        (put("features.visits.fill", math.inf), "features.visits.fill.float", math.inf, ["a finite number"]),
        (put("features", {"mood": {"type": "ordered", "levels": ["low", "high"], "impute": "knn", "fill": "low"}}),
         "features.mood.impute", "knn", ["a method that needs no other feature, not knn, tree, linear"]),
    ],
)  # fmt: skip
def test_an_error_names_file_path_found_and_allowed(
    spec: Spec, tmp_path: Path, edit: Edit, path: str, found: object, says: list[str]
) -> None:
    edit(spec)
    file = write(tmp_path, spec)
    with pytest.raises(SpecError) as caught:
        parse_use_case(file)
    error, text = caught.value, str(caught.value)
    assert (error.path, error.found) == (path, found)
    assert text.startswith(f"{file}: {path}: found {found!r}; allowed: ")
    assert [part for part in says if part not in text] == []


@pytest.mark.parametrize(
    ("edit", "path", "says"),
    [
        (put("features.visits.min", 600), "features.visits", "min 600 above max 500"),
        (put("features.origin.min", 1), "features.origin", "need type int or float, not 'category'"),
        (put("features.origin.impute", "median"), "features.origin", "needs a number or ordered levels"),
        (put("features.visits.impute", "unknown"), "features.visits", "needs type category, not 'int'"),
        (put("features.mood.levels", ["low"]), "features.mood", "at least two 'levels', lowest first"),
        (put("features.mood.fill", "medium"), "features.mood", "one of the levels low, high"),
        (put("features.mood.aliases", {"medium": ["M"]}), "features.mood", "alias for 'medium'"),
        (put("features.magazine.impute", "mode"), "features.magazine", "either 'drop' (not a feature) or 'impute'"),
        (without("features.visits.impute"), "features.visits", "a feature needs 'impute'"),
        (without("features.visits.fill"), "features.visits", "needs 'fill'"),
        (put("features.visits.fill", "many"), "features.visits", "'fill' 'many'"),
        (put("features.visits.fill", 2.5), "features.visits", "'fill' 2.5"),
        (put("features.visits.fill", 501), "features.visits", "'fill' 501"),
        (put("features.agreed.fill", "no"), "features.agreed", "'fill' 'no'"),
        (put("features.tags.impute", "mode"), "features.tags", "when a lead is scored nobody knows it yet"),
        (put("features.tags.outliers", "clip"), "features.tags", "can never be a feature"),
        (put("score.bands", {"A": 0.3, "B": 0.1, "D": 1.0}), "score", "shares that rise from the best band"),
        (put("score.bands", {"A": 0.1, "B": 0.9}), "score", "the last, which is 1.0"),
        (put("score.bands", {"A": 0.0, "D": 1.0}), "score", "shares that rise"),
        (put("score.bands", {}), "score", "shares that rise"),
        (put("score.bands", {"A": 0.1, "all": 1.0}), "score", "names other than 'all'"),
        (put("label.name", "score"), "(file)", "'score' is a column that leadmill's tables have already"),
        (put("score.population", "open"), "(file)", "'horizon: none' closes nothing"),
        (put("task", "multiclass"), "(file)", "'classes' go with 'task: multiclass'"),
        (put("classes", ["a", "b"]), "(file)", "'classes' go with 'task: multiclass', and only with it"),
        (put("source.history", "events"), "(file)", "needs a label.horizon and the ages in 'as_of'"),
        (put("label.name", "visits"), "(file)", "'visits' is the key, the label or the watermark"),
    ],
)  # fmt: skip
def test_a_wrong_combination_says_what_goes_together(
    spec: Spec, tmp_path: Path, edit: Edit, path: str, says: str
) -> None:
    edit(spec)
    with pytest.raises(SpecError, match=re.escape(says)) as caught:
        parse_use_case(write(tmp_path, spec))
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("path", "columns", "says"),
    [
        ("model.inputs", ["visits", "vists"], "found 'vists'; allowed: a declared feature. Did you mean 'visits'?"),
        ("model.inputs", ["tags"], "known only after contact; when a lead is scored nobody knows it yet"),
        ("model.inputs", ["magazine"], "columns that are not dropped ('constant')"),
        ("model.variants.clean", ["moood"], "found 'moood'; allowed: a declared feature. Did you mean 'mood'?"),
    ],
)
def test_inputs_name_usable_columns(spec: Spec, tmp_path: Path, path: str, columns: list[str], says: str) -> None:
    spec["model"]["variants"] = {}
    put(path, columns)(spec)
    with pytest.raises(SpecError, match=re.escape(says)) as caught:
        parse_use_case(write(tmp_path, spec))
    assert caught.value.path == path


def test_a_late_column_of_x_education_cannot_be_an_input() -> None:
    from support import changed_use_case

    for column in ("tags", "lead_quality", "lead_profile"):
        folder = settings.current().state / column
        with pytest.raises(SpecError, match="nobody knows it yet, so it can never be a feature"):
            changed_use_case(folder, put("model.inputs", ["total_visits", column]))


def test_a_key_written_twice_is_an_error(spec: Spec, tmp_path: Path) -> None:
    text = yaml.safe_dump(spec) + "title: Again\n"
    with pytest.raises(SpecError, match="key 'title' stands twice"):
        parse_use_case(write(tmp_path, text))
    spec.pop("features")
    text = yaml.safe_dump(spec) + "features:\n  visits: {type: int, drop: x}\n  visits: {type: int, drop: y}\n"
    with pytest.raises(SpecError, match="key 'visits' stands twice"):
        parse_use_case(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "allowed: valid YAML"),
        ("- a", "found 'list'; allowed: a mapping of fields"),
        ("", "found 'NoneType'"),
        ("name: small\n1: x", "found 1; allowed: one of name, title"),
    ],
)
def test_what_is_no_spec_at_all_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SpecError, match=re.escape(says)):
        parse_use_case(write(tmp_path, text))


def test_the_name_is_that_of_the_folder(spec: Spec, tmp_path: Path) -> None:
    spec["name"] = "other"
    with pytest.raises(SpecError, match="the name of its folder, 'small'"):
        parse_use_case(write(tmp_path, spec))


@pytest.mark.parametrize(
    ("ending", "relation"),
    [("history", "scores.small_history"), ("labels", "features.small_labels"), ("moments", "staging.small_moments")],
)
def test_two_use_cases_never_share_a_table(spec: Spec, tmp_path: Path, ending: str, relation: str) -> None:
    file = write(tmp_path, spec)
    longer = tmp_path / f"small_{ending}" / "use_case.yaml"
    shutil.copytree(file.parent, longer.parent)
    longer.write_text(file.read_text().replace("name: small", f"name: small_{ending}", 1))
    for one, other in ((longer, file), (file, longer)):
        with pytest.raises(SpecError, match=rf"name: found '{one.parent.name}'; .*'{other.parent.name}'.*{relation}"):
            parse_use_case(one)
    longer.parent.rename(tmp_path / "small_hats")
    assert parse_use_case(file)


@pytest.mark.parametrize("name", use_case_names())
def test_the_relations_of_a_use_case_are_all_of_its_tables(name: str) -> None:
    use_case = load_use_case(name)
    assert {table.name for table in tables(use_case)} <= names.relations(use_case)


def test_a_misspelt_query_is_found(spec: Spec, tmp_path: Path) -> None:
    file = write(tmp_path, spec)
    (file.parent / "sql").mkdir(exist_ok=True)
    (file.parent / "sql" / "feature.sql").write_text("SELECT * FROM typed\n")
    with pytest.raises(SpecError, match=r"sql/feature.sql: .*Did you mean 'features'"):
        parse_use_case(file)


def test_a_bound_that_is_no_number_is_refused(spec: Spec, tmp_path: Path) -> None:
    spec["features"]["visits"]["min"] = math.nan
    with pytest.raises(SpecError, match=r"features\.visits\.min: found nan; allowed: .*a finite number"):
        parse_use_case(write(tmp_path, spec))


def test_an_unknown_use_case_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownUseCase, match="Did you mean 'x_education'"):
        load_use_case("x_educaton")
    with pytest.raises(UnknownUseCase, match=r"Known: .*leads, .*x_education"):
        load_use_case("zzz")


def test_everything_in_a_spec_is_frozen() -> None:
    use_case = load_use_case("x_education")
    for part, field in ((use_case, "title"), (use_case.source, "relations"), (use_case.features["city"], "impute")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, "x")
    assert load_use_case("x_education") is use_case


def test_the_version_is_that_of_the_text(spec: Spec, tmp_path: Path) -> None:
    first = parse_use_case(write(tmp_path, spec)).version
    assert parse_use_case(write(tmp_path, spec)).version == first
    put("features.visits.max", 400)(spec)
    assert parse_use_case(write(tmp_path, spec)).version != first


def test_every_use_case_of_the_repository_is_valid() -> None:
    cases: list[UseCase] = [load_use_case(name) for name in use_case_names()]
    assert "x_education" in [use_case.name for use_case in cases]


def test_x_education_declares_every_column_of_the_file() -> None:
    from support import SOURCE_COLUMNS

    renamed = {"totalvisits": "total_visits", "what_is_your_current_occupation": "occupation"}
    expected = {renamed.get(name, name) for name in SOURCE_COLUMNS} - {"prospect_id", "converted"}
    use_case = load_use_case("x_education")
    assert set(use_case.features) == expected
    late = {column.name for column in use_case.columns if column.known_at == "after_contact"}
    assert late == {"tags", "lead_quality", "lead_profile"}
    assert all(column.drop for column in use_case.columns if not column.is_feature and column.name not in late)


VISITS = {"type": "int", "min": 0, "max": 500, "impute": "median", "fill": 3}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("user", "reserved word"),
        ("order", "reserved word"),
        ("authorization", "reserved word"),
        ("row_no", "tables have already"),
        ("weight", "tables have already"),
        ("content_hash", "tables have already"),
        ("donor", "tables have already"),
        ("first_recorded_at", "tables have already"),
        ("written", "tables have already"),
        ("content_before", "tables have already"),
        ("created_before", "tables have already"),
        ("spelled", "tables have already"),
        ("r", "tables have already"),
        ("xmin", "tables have already"),
        ("visits_missing", "is the flag of a feature"),
    ],
)
def test_a_name_that_would_break_a_table_is_refused(tmp_path: Path, spec: Spec, name: str, reason: str) -> None:
    spec["features"][name] = VISITS
    with pytest.raises(SpecError, match=reason):
        parse_use_case(write(tmp_path, spec))


@pytest.mark.parametrize("name", use_case_names())
def test_every_column_of_our_own_is_refused_as_a_name(name: str) -> None:
    use_case = load_use_case(name)
    given = {use_case.entity.key, use_case.label.name, use_case.score_column, *use_case.features, *use_case.facts}
    given |= {column.flag for column in use_case.feature_columns}
    of_features = {names.raw_table(use_case), names.staging_table(use_case), names.features_table(use_case)}
    of_features.add(names.facts_table(use_case))
    for table in tables(use_case):
        columns = {column.name for column in table.columns}
        if table.name in of_features:
            assert columns - given <= names.OWN_COLUMNS
        elif use_case.entity.key in columns:
            assert columns - given <= names.OWN_COLUMNS | names.BESIDE_KEY


@pytest.mark.parametrize("key", ["closed", "band", "status", "age", "lead_score"])
def test_a_key_that_would_stand_twice_in_a_table_is_refused(tmp_path: Path, spec: Spec, key: str) -> None:
    spec["entity"]["key"] = key
    with pytest.raises(SpecError, match="tables have already"):
        parse_use_case(write(tmp_path, spec))


def test_a_changed_file_is_read_again(tmp_path: Path, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dataclasses.replace(settings.current(), use_cases=tmp_path)
    monkeypatch.setattr(settings, "current", lambda: changed)
    write(tmp_path, spec)
    before = load_use_case("small")
    assert load_use_case("small") is before
    file = write(tmp_path, {**spec, "title": "Another"})
    os.utime(file, ns=(1, 1))
    assert (before.title, load_use_case("small").title) == ("Small", "Another")
