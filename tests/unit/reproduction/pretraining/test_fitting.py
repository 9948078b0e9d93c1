"""A fit that is interrupted goes on to the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rephase_mlp.offers import MLPWorldModelConfig
from rephase_mlp.world_model import MLPWorldModel

from rephase.engine.checkpoints import read_tensors
from rephase.engine.pretraining import EpisodePool, Pretraining
from rephase.engine.seeding import stream
from rephase.protocols import Spaces
from rephase.reproduction.pretraining import fitting
from rephase.reproduction.pretraining.fitting import fit_world_model

SPACES = Spaces(observation=4, action=2, action_sizes=(2,))


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def _saves_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_STEPS_BETWEEN_SAVES", 2)


def fit(path: Path, interrupt_after: int = 0) -> list[str]:
    draws = stream(0, "episodes")
    shapes = {"observations": (3, 6, 4), "actions": (3, 5, 2), "rewards": (3, 5)}
    pool = EpisodePool(*({0: torch.rand(*shape, generator=draws)} for shape in shapes.values()))
    model = MLPWorldModel(MLPWorldModelConfig(latent_size=8, encoder_units=(8,), units=(8,), task_size=2), SPACES)
    model.initialise(stream(1, "model"))
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == interrupt_after:
            raise Interrupted

    settings = Pretraining(steps=6, batch_size=4, horizon=2)
    fit_world_model(model, pool, settings, SPACES, stream(2, "slices"), path, say)
    return said


def test_the_model_is_written_when_it_is_done_and_progress_is_not_left_behind(tmp_path: Path) -> None:
    said = fit(tmp_path / "walker.safetensors")
    assert [line.partition(",")[0] for line in said] == [f"walker: step {step} of 6" for step in (2, 4, 6)]
    assert [path.name for path in tmp_path.iterdir()] == ["walker.safetensors"]


def test_after_an_interruption_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    fit(tmp_path / "whole.safetensors")
    with pytest.raises(Interrupted):
        fit(tmp_path / "stopped.safetensors", interrupt_after=2)
    assert not (tmp_path / "stopped.safetensors").exists()
    assert len(fit(tmp_path / "stopped.safetensors")) == 1

    whole, stopped = (read_tensors(tmp_path / f"{name}.safetensors")[0] for name in ("whole", "stopped"))
    assert all(torch.equal(value, stopped[name]) for name, value in whole.items())
