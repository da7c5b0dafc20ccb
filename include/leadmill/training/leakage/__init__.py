"""Whether a feature knows the outcome: looked at before any model is fitted."""
