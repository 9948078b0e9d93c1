"""The published checkpoints of TD-MPC2 and PWM: checked, converted once, and read as safetensors from then on."""

from __future__ import annotations

from rephase.engine.official.conversion import ConvertedCheckpoint, convert_checkpoint, read_part
from rephase.engine.official.layouts import Layout
from rephase.engine.official.sizes import ModelSizes, sizes_of

__all__ = ["ConvertedCheckpoint", "Layout", "ModelSizes", "convert_checkpoint", "read_part", "sizes_of"]
