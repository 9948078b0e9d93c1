"""A one-step mean-flow policy, as a rephase plugin."""
