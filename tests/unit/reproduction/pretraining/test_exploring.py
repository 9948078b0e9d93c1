"""Episodes before there is any model: seeded random actions, half of them held for a while."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes.distributions import install
from fakes.tasks import POINT

from rephase.environments import find_task, spaces_of
from rephase.reproduction.pretraining.exploring import explore


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed plugin that offers the task ``point``."""
    source = POINT.format(name="point", module="rephase_point", index=30)
    install(monkeypatch, tmp_path / "point", "rephase-point", source=source)


@pytest.mark.usefixtures("point")
def test_random_episodes_are_seeded_and_half_of_them_hold_their_actions() -> None:
    task = find_task("point")
    first, again, other = (explore(task, 4, spaces_of([task]), seed) for seed in (1, 1, 2))
    assert torch.equal(first.actions, again.actions)
    assert torch.equal(first.observations, again.observations)
    assert not torch.equal(first.actions, other.actions)
    moved = (first.actions[:, 1:, 0] != first.actions[:, :-1, 0]).sum(1).tolist()
    assert [moved[1], moved[3]] == [19, 19]
    assert max(moved[0], moved[2]) < 15
    assert first.actions[..., 1:].abs().max() == 0
