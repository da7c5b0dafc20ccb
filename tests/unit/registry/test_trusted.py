"""Model files hold only what we name."""

from pathlib import Path

import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io.exceptions import UntrustedTypesFoundException

from leadmill.registry.trusted import read_model


def shout(x: object) -> object:
    return x


def test_a_file_with_a_foreign_type_is_not_loaded(tmp_path: Path) -> None:
    skops.io.dump(Pipeline([("call", FunctionTransformer(shout))]), tmp_path / "model.skops")
    with pytest.raises(UntrustedTypesFoundException, match="shout"):
        read_model(tmp_path / "model.skops")
