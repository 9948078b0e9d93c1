"""Runs of rephase as job arrays of a SLURM queue, each in an Apptainer image."""
