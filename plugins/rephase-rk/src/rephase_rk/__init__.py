"""Explicit Runge-Kutta integrators, as a rephase plugin."""
