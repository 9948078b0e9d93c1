"""The flow-matching world model and the flow-ODE policy, as a rephase plugin."""
