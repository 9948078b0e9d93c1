"""Adaptive integrators of the torchdiffeq library, as a rephase plugin."""
