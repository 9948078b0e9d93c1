"""Metrics as offline Weights & Biases runs, as a rephase plugin."""
