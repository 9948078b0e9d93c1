"""Runs of rephase as SkyPilot managed jobs, each in a container image, on Kubernetes or a cloud."""
