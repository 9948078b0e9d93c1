"""Chunk files of the official layout, small and made up."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from rephase.engine.unpickling import VerifiedFile, verified
from rephase.manifest.hashing import file_digest
from rephase.protocols import Spaces

SPACES = Spaces(observation=24, action=6, action_sizes=(6,) * 30)
ROWS = 5


def fields(tasks: list[int], rows: int = ROWS, seed: int = 0) -> dict[str, Tensor]:
    """Fields of a chunk; entry 0 of an observation is 100 * episode + row, of an action and a reward likewise."""
    count = len(tasks)
    generator = torch.Generator().manual_seed(seed)
    label = (100 * torch.arange(count)[:, None] + torch.arange(rows)).float()
    obs = torch.randn(count, rows, 24, generator=generator)
    action = torch.rand(count, rows, 6, generator=generator) * 2 - 1
    obs[:, :, 0] = label
    action[:, :, 0] = label
    reward = label.clone()
    action[::2, 0] = float("nan")
    reward[::2, 0] = float("nan")
    action[1::2, 0] = 1e30
    reward[1::2, 0] = -7e33
    task = torch.tensor(tasks, dtype=torch.int32)[:, None].expand(count, rows).contiguous()
    return {"obs": obs, "action": action, "reward": reward, "task": task}


def write(path: Path, content: object) -> VerifiedFile:
    torch.save(content, path)
    return verified(path, file_digest(path))
