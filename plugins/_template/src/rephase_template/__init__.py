"""An integrator, as a rephase plugin."""
