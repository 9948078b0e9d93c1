"""Metrics as TensorBoard event files, as a rephase plugin."""
