"""Model files: skops, never pickle. Only types named here are ever brought to life."""

from pathlib import Path

from leadmill.storage.skops_format import skops_io
from leadmill.training.banded import Model

# What our own candidates are made of, beyond what skops trusts by itself. A file that asks for more is refused.
TRUSTED_TYPES = (
    "leadmill.training.banded.BandedModel",
    "leadmill.training.preprocess.term_name",
    "leadmill.training.winsorizer.Winsorizer",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def write_model(model: Model, file: Path) -> None:
    """Store a fitted pipeline."""
    skops_io().dump(model, file)


def read_model(file: Path) -> Model:
    """Load a stored pipeline. Raises skops' UntrustedTypesFoundException when it holds a type we do not name."""
    model: Model = skops_io().load(file, trusted=list(TRUSTED_TYPES))
    return model
