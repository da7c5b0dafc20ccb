"""Model files: skops, never pickle. Only types named here are ever brought to life."""

from pathlib import Path

from sklearn.pipeline import Pipeline

from leadmill.storage.skops_format import skops_io

# What our own candidates are made of, beyond what skops trusts by itself. A file that asks for more is refused.
TRUSTED_TYPES = (
    "leadmill.training.preprocess.term_name",
    "leadmill.training.winsorizer.Winsorizer",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def write_model(model: Pipeline, file: Path) -> None:
    """Store a fitted pipeline."""
    skops_io().dump(model, file)


def read_model(file: Path) -> Pipeline:
    """Load a stored pipeline. Raises skops' UntrustedTypesFoundException when it holds a type we do not name."""
    model: Pipeline = skops_io().load(file, trusted=list(TRUSTED_TYPES))
    return model
