"""Declared routes of several use cases in one service."""

import pytest
from support import x_education

from leadmill.api import Alias, Api
from leadmill.errors import SpecError
from leadmill.serving.routes_aliases import batch_paths, check_aliases
from leadmill.spec import UseCase


def declaring(name: str, *aliases: dict[str, object]) -> UseCase:
    made = Api(aliases=tuple(Alias.model_validate(one) for one in aliases))
    return x_education().model_copy(update={"name": name, "api": made})


def test_a_route_belongs_to_one_use_case() -> None:
    sample = {"path": "/sample", "methods": ["GET"], "does": "sample"}
    health = {"path": "/healthcheck", "methods": ["GET"], "does": "health"}
    one = declaring("one", sample, health)
    check_aliases([one, declaring("other", {**sample, "methods": ["POST"]}, health)])
    with pytest.raises(SpecError, match=r"other/use_case.yaml: api.aliases: found 'GET /sample'.*'one' has this one"):
        check_aliases([one, declaring("other", sample)])


def test_routes_that_take_many_entities_have_the_limits_of_batches() -> None:
    batch = {"path": "/many", "methods": ["POST"], "does": "predict_batch"}
    assert batch_paths([declaring("one", batch, {**batch, "path": "/one", "does": "predict"})]) == {"/many"}
