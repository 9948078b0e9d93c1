"""What a part is: the protocols of world models, policies, integrators and environments, and what else plugins bring.

Nothing here imports torch at run time, so that a machine without it can list and check parts.
"""

from __future__ import annotations

from rephase.protocols.environment import BatchedEnvironment
from rephase.protocols.integrator import Integrator, Velocity
from rephase.protocols.policy import OwnLoss, Policy
from rephase.protocols.resources import JobRequest
from rephase.protocols.runner import Bind, Container, Job, JobState, JobTask, Runner, Stage, Ticket
from rephase.protocols.section import ReportSection
from rephase.protocols.shapes import Spaces
from rephase.protocols.tracker import Tracker
from rephase.protocols.world_model import (
    Calibrated,
    OwnRewards,
    Recurrent,
    StepCalibrated,
    Stochastic,
    TwoHotRewards,
    WorldModel,
)

__all__ = [
    "BatchedEnvironment",
    "Bind",
    "Calibrated",
    "Container",
    "Integrator",
    "Job",
    "JobRequest",
    "JobState",
    "JobTask",
    "OwnLoss",
    "OwnRewards",
    "Policy",
    "Recurrent",
    "ReportSection",
    "Runner",
    "Spaces",
    "Stage",
    "StepCalibrated",
    "Stochastic",
    "Ticket",
    "Tracker",
    "TwoHotRewards",
    "Velocity",
    "WorldModel",
]
