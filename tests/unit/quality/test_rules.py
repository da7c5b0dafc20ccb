"""The rules that a spec makes; what they do to rows is tested in tests/sql."""

from support import x_education

from leadmill.quality.rules import all_rules
from leadmill.quality.suites import feature_rules


def test_names_are_unique_and_their_order_is_stable() -> None:
    rules = all_rules(x_education())
    names = [rule.name for rule in rules]
    assert len(set(names)) == len(names)
    assert names == [rule.name for rule in all_rules(x_education())]
    assert names[:3] == ["lead_id: well-formed", "lead_id: once", "converted: yes or no"]


def test_every_declared_column_has_its_rules() -> None:
    use_case = x_education()
    names = {rule.name for rule in all_rules(use_case)}
    kinds = {"int": "number", "float": "number", "bool": "yes or no", "ordered": "level"}
    for column in use_case.columns:
        assert f"{column.name}: clean text" in names
        if column.type in kinds:
            assert f"{column.name}: {kinds[column.type]}" in names
        assert (f"{column.name}: range" in names) == (column.min is not None or column.max is not None)


def test_what_a_rule_says_has_bounds_and_unit() -> None:
    says = {rule.name: rule.says for rule in all_rules(x_education())}
    assert says["total_visits: range"] == "at least 0 visits and at most 500 visits"
    assert says["asymmetrique_activity_index: level"] == "one of low, medium, high"


def test_every_feature_is_checked_once_more_after_preparation() -> None:
    use_case = x_education()
    assert [rule.column for rule in feature_rules(use_case)] == [column.name for column in use_case.feature_columns]
    rules = {rule.column: rule.predicate for rule in feature_rules(use_case)}
    assert "total_visits_missing IS NOT NULL" in rules["total_visits"]
    assert "BETWEEN 0 AND 2" in rules["asymmetrique_activity_index"]
    assert "'other', 'unknown'" in rules["lead_source"]
