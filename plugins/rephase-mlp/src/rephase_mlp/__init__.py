"""The MLP world model and the Gaussian MLP policy, as a rephase plugin."""
