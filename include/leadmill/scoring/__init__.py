"""Scores from the champion and the latest features: predicted in one place, published in one transaction."""
