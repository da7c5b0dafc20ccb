"""A model loads when every input it needs exists with the same type and encoding."""

import pytest

from leadmill.errors import ModelContractBroken
from leadmill.registry.contract import check_classes, check_contract, inputs_document, inputs_from
from leadmill.spec import UseCase, load_use_case
from leadmill.training.inputs import model_inputs


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case("x_education")


def changed(use_case: UseCase, feature: str, **update: object) -> UseCase:
    column = use_case.features[feature].model_copy(update=update)
    return use_case.model_copy(update={"features": {**use_case.features, feature: column}})


def test_inputs_survive_storage(use_case: UseCase) -> None:
    inputs = model_inputs(use_case)
    assert inputs_from(inputs_document(inputs)) == inputs


def test_further_features_do_no_harm(use_case: UseCase) -> None:
    check_contract(use_case, "1", model_inputs(use_case, without=["city", "total_visits"]))


def test_an_input_that_is_gone_is_named_with_its_flag(use_case: UseCase) -> None:
    smaller = use_case.model_copy(
        update={"features": {name: column for name, column in use_case.features.items() if name != "total_visits"}}
    )
    with pytest.raises(ModelContractBroken) as error:
        check_contract(smaller, "3", model_inputs(use_case))
    assert error.value.problems == ("input 'total_visits' is gone", "input 'total_visits_missing' is gone")


def test_another_type_or_order_of_levels_breaks_it(use_case: UseCase) -> None:
    with pytest.raises(ModelContractBroken, match="total_visits' was int"):
        check_contract(changed(use_case, "total_visits", type="float"), "3", model_inputs(use_case))
    turned = changed(use_case, "asymmetrique_activity_index", levels=("high", "medium", "low"))
    with pytest.raises(ModelContractBroken, match="low < medium < high"):
        check_contract(turned, "3", model_inputs(use_case))


def test_a_model_of_other_classes_than_the_spec_has_breaks_it(use_case: UseCase) -> None:
    banded = use_case.model_copy(update={"classes": ("low", "high")})
    kept = [{"class": "low", "from": 0, "to": 5}, {"class": "high", "from": 5, "to": 9}]
    check_classes(banded, "3", kept)
    check_classes(use_case, "3", None)
    with pytest.raises(ModelContractBroken, match="its classes are none, those of the spec low, high"):
        check_classes(banded, "3", None)
    with pytest.raises(ModelContractBroken, match="its classes are low, high, those of the spec none"):
        check_classes(use_case, "3", kept)
