"""The explicit Euler integrator, as a rephase plugin."""
