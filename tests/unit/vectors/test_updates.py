"""Whole updates and policy losses are recomputed from their files, every quantity of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rephase.plugins.registry import discover
from rephase.vectors.builders import Builder
from rephase.vectors.file import ReferenceFile
from rephase.vectors.updates import replay_policy_loss, replay_updates

REFERENCE = Path(__file__).parents[2] / "data/reference"


@pytest.mark.parametrize(
    ("name", "replay"), [("update_mlpwm_mlppi", replay_updates), ("actor_loss_mlpwm_mlppi", replay_policy_loss)]
)
def test_every_quantity_of_the_file_is_recomputed(name: str, replay) -> None:
    file = ReferenceFile(REFERENCE / f"{name}.npz", torch.float64)
    found = replay(file, Builder(file, discover()))
    checks = file.compare(found)
    assert len(checks) > 10
    assert [check.quantity for check in checks if not check.ok] == []


def test_metrics_of_each_update_are_its_own() -> None:
    file = ReferenceFile(REFERENCE / "update_mlpwm_mlppi.npz", torch.float64)
    found = replay_updates(file, Builder(file, discover()))
    numbers = {key.partition("/")[0] for key in found}
    assert numbers == {f"update{number}" for number in range(file.count("in/update{}/obs"))}
    assert not torch.equal(found["update0/target_values"], found["update1/target_values"])
