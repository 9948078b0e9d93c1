"""The published checkpoints of TD-MPC2 and PWM: checked, and read as data."""

from __future__ import annotations

from rephase.engine.official.layouts import Layout, read_official
from rephase.engine.official.reading import OfficialModel, read_world_model
from rephase.engine.official.sizes import ModelSizes, sizes_of

__all__ = ["Layout", "ModelSizes", "OfficialModel", "read_official", "read_world_model", "sizes_of"]
