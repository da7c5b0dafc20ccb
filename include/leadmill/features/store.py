"""The Feast feature store of this installation."""

from functools import cache
from typing import TYPE_CHECKING

from leadmill import names, settings
from leadmill.features.objects import feast_objects
from leadmill.spec import UseCase

if TYPE_CHECKING:
    from feast import FeatureStore


@cache
def feature_store() -> "FeatureStore":
    """The store that ``feature_repo/feature_store.yaml`` describes; opened once per process."""
    from feast import FeatureStore

    # feature_store.yaml names these, and Feast looks for them in the environment only.
    settings.export("LEADMILL_FEAST_REGISTRY_URL", "LEADMILL_PG_PASSWORD")
    return FeatureStore(repo_path=str(settings.current().feature_repo))


def apply(use_case: UseCase) -> bool:
    """Register the use case's objects where they are absent or differ from the spec; True when that was needed."""
    from feast.errors import FeatureServiceNotFoundException, FeatureViewNotFoundException

    store, wanted = feature_store(), feast_objects(use_case)
    try:
        view = store.get_feature_view(names.feature_view(use_case))
        store.get_feature_service(names.feature_service(use_case))
        present = {(field.name, str(field.dtype), field.description) for field in view.features}
        if present == {(field.name, str(field.dtype), field.description) for field in wanted.view.features}:
            return False
    except (FeatureViewNotFoundException, FeatureServiceNotFoundException):
        pass  # first time: register below
    store.apply(wanted.all())
    store.refresh_registry()  # type: ignore[no-untyped-call]
    return True
