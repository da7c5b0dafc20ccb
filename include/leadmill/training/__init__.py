"""Models from a training frame: split, preprocess, fit, calibrate, measure; pure scikit-learn and pandas."""
