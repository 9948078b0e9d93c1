"""Where it runs: this machine, Apptainer containers and SLURM queues.

A door: import the module you need. None of them imports torch, dm_control or the queue's tools when imported, and
only `rephase.runtime.apptainer` touches spython.
"""
