"""The demonstration damages what it says and nothing else; `python -m recipe.damaged` runs and judges it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from rephase.engine.checkpoints import read_tensors
from rephase.manifest import read_phase
from rephase.manifest.outcomes import read_outcomes

SHIPPED = Path(__file__).parents[3] / "reproductions" / "embedded" / "world_model.safetensors"


def test_noise_is_five_percent_of_each_tensors_spread() -> None:
    from recipe.damaged import add_noise

    tensors, _ = read_tensors(SHIPPED)
    noisy = add_noise(tensors)

    assert noisy.keys() == tensors.keys()
    for name, value in tensors.items():
        if value.dim() == 2 and value.std() > 0:
            share = float((noisy[name] - value).std() / value.std())
            assert 0.045 < share < 0.055, name


def test_shuffled_bins_are_the_same_rows_in_another_order() -> None:
    from recipe.damaged import shuffle_bins

    tensors, _ = read_tensors(SHIPPED)
    shuffled = shuffle_bins(tensors)
    changed = [name for name in tensors if not torch.equal(tensors[name], shuffled[name])]

    assert [name.rsplit(".", 1)[1] for name in sorted(changed)] == ["bias", "weight"]
    for name in changed:
        assert tensors[name].shape[0] == 101
        assert torch.equal(tensors[name].sort(0).values, shuffled[name].sort(0).values)


def test_the_three_phases_differ_from_phase_3_in_one_thing_each(tmp_path: Path) -> None:
    from recipe.damaged import FRESH_SEEDS, write_project

    manifests = write_project(tmp_path / "project")
    honest, noisy, shuffled = (
        read_phase(manifests[name]) for name in ("honest-rerun", "noise-on-weights", "bins-shuffled")
    )
    ours = read_phase(SHIPPED.parents[1] / "phase3" / "embedded.toml")

    assert honest.manifest.seeds == FRESH_SEEDS
    assert honest.manifest.inputs == ours.manifest.inputs
    for damaged in (noisy, shuffled):
        assert damaged.manifest.seeds == ours.manifest.seeds
        assert damaged.manifest.inputs["start-states"] == ours.manifest.inputs["start-states"]
        assert damaged.manifest.inputs["world-model"] != ours.manifest.inputs["world-model"]
    assert {phase.manifest.algorithm for phase in (honest, noisy, shuffled)} == {ours.manifest.algorithm}
    recorded = manifests["honest-rerun"].parent / honest.manifest.recorded
    assert recorded.resolve() == (tmp_path / "project/reproductions/phase3/embedded.recorded.json").resolve()


def test_the_shipped_verdicts_are_of_one_record_and_the_page_says_which() -> None:
    verdicts = json.loads((SHIPPED.parent / "damaged.json").read_text())
    judged_by = [
        {(cell["config"], cell["task"]): sorted(cell["recorded"]) for cell in verdict["cells"]}
        for verdict in verdicts.values()
    ]
    recorded = read_outcomes(SHIPPED.parents[1] / "phase3" / "embedded.recorded.json")
    returns: dict[tuple[str, str], list[float]] = {}
    for outcome in recorded.judged:
        returns.setdefault((outcome.config, outcome.task), []).append(outcome.reward)
    today = {cell: sorted(values) for cell, values in returns.items()}

    assert {name: verdict["decision"] for name, verdict in verdicts.items()} == {
        "honest-rerun": "PASS",
        "noise-on-weights": "FAIL",
        "bins-shuffled": "FAIL",
    }
    assert all(each == judged_by[0] for each in judged_by)
    assert judged_by[0].keys() == today.keys()
    says_it_is_older = "against the record of three seeds" in (SHIPPED.parent / "README.md").read_text()
    assert says_it_is_older == (judged_by[0] != today)
