from __future__ import annotations

import json

import pytest
import torch

from rephase.engine.checkpoints import read_tensors
from rephase.engine.pretraining import Pretraining
from rephase.environments import SPACES
from rephase.manifest.algorithm import Algorithm, Variants


def miniature():
    from recipe.settings import Behaviour, Heldout, Packing, Recipe, Rounds
    from rephase_mlp.offers import MLPWorldModelConfig

    fit = Pretraining(steps=3, batch_size=4, horizon=2, padding_noise=1.0)
    extraction = Algorithm(
        epochs=2,
        batch_size=4,
        horizon=2,
        critics=1,
        critic_units=(8,),
        critic_iterations=1,
        critic_batches=1,
        variants=Variants.corrected(),
    )
    return Recipe(
        seed=1,
        tasks=("reacher-easy", "cheetah-run"),
        behaviour=(Behaviour(task="reacher-easy", seed=1, steps=1), Behaviour(task="cheetah-run", seed=1, steps=1)),
        model=MLPWorldModelConfig(latent_size=16, encoder_units=(8,), units=(8,), task_size=4),
        first_fit=fit,
        rounds=(
            Rounds(
                count=1,
                policies=(1, 2),
                played_after=(1, 2),
                episodes=2,
                noise=(0.3,),
                extraction=extraction,
                policy_units=(8,),
                fit=fit,
                shares=(0.5, 0.5),
            ),
        ),
        final_fit=fit,
        packing=Packing(start_states=10, episodes=3),
        heldout=Heldout(seeds=(7, 8), episodes=1, extraction=extraction, policy_units=(8,), steps=(1, 3)),
        threads=1,
    )


@pytest.fixture
def folder(tmp_path, random_episodes):
    folder = tmp_path / "work"
    folder.mkdir()
    for task in ("reacher-easy", "cheetah-run"):
        random_episodes(task).write(folder / f"behaviour-{task}-1.safetensors")
    return folder


@pytest.mark.slow
def test_recipe_in_miniature_makes_every_asset_and_goes_on_after_an_interruption(folder, tmp_path, one_thread):
    from recipe.making import make_assets
    from rephase_mlp.world_model import MLPWorldModel

    recipe = miniature()
    out = tmp_path / "assets"
    make_assets(recipe, folder, out)

    model = MLPWorldModel(recipe.model, SPACES)
    tensors, metadata = read_tensors(out / "world_model.safetensors")
    model.load_state_dict(tensors)
    assert metadata["world_model"] == "mlp"
    starts, _ = read_tensors(out / "start_states.safetensors")
    assert starts["observations"].shape == (20, 24)
    assert starts["tasks"].tolist() == [3] * 10 + [4] * 10
    episodes, _ = read_tensors(out / "episodes-reacher-easy.safetensors")
    assert episodes["rewards"].shape == (3, 500)
    report = json.loads((out / "report.json").read_text())
    assert [(row["task"], row["seed"]) for row in report["returns"]] == [
        ("reacher-easy", 7),
        ("reacher-easy", 8),
        ("cheetah-run", 7),
        ("cheetah-run", 8),
    ]
    assert [row["steps"] for row in report["prediction"]["cheetah-run"]] == [1, 3]
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["data"]["reacher-easy"]["episodes"] == 2 + 1 * 2 * 2
    assert provenance["data"]["cheetah-run"]["episodes"] == 2 + 2 * 2 * 2
    assert sorted(provenance["digests"]) == sorted(path.name for path in out.glob("*.safetensors"))

    for path in (folder / "model-final.safetensors", folder / "model-01.safetensors"):
        path.unlink()
    make_assets(recipe, folder, tmp_path / "second")
    again, _ = read_tensors(tmp_path / "second" / "world_model.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
