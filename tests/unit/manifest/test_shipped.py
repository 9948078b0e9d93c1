"""Only the shipped manifests are what the log ran; whatever was edited or derived says in what it differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from rephase.manifest import Phase, read_phase
from rephase.manifest.hashing import canonical_json
from rephase.manifest.shipped import about, differences, read_shipped

ROOT = Path(__file__).parents[3]
NAMES = ("phase3", "phase4", "phase5")


def logged(name: str) -> Phase:
    return read_phase(ROOT / f"reproductions/{name}/logged.toml")


@pytest.mark.parametrize("name", NAMES)
def test_the_package_knows_the_manifests_it_ships_with(name: str) -> None:
    kept = json.loads(canonical_json(logged(name).pinned))
    assert read_shipped()[name] == kept, "write it again: python -m rephase.manifest.shipped ."
    assert about(logged(name)) == "exactly what the log ran"


def test_an_edited_manifest_says_what_differs() -> None:
    phase = logged("phase3")
    manifest = phase.manifest
    algorithm = evolve(manifest.algorithm, epochs=100)
    edited = evolve(
        phase,
        manifest=evolve(manifest, algorithm=algorithm, tasks=("walker-stand",)),
        algorithms=dict.fromkeys(phase.configs, algorithm),
    )
    assert about(edited) == (
        "NOT what the log ran as phase3: algorithm.epochs is 100, not 10000; "
        "configs.baseline.algorithm.epochs is 100, not 10000; "
        "configs.flowpolicy.algorithm.epochs is 100, not 10000 and 1 more"
    )
    assert differences(edited, "phase3")[3] == (
        'tasks is ["walker-stand"], not ["reacher-easy", "walker-stand", "cheetah-run"]'
    )


def test_words_and_resources_make_no_other_phase() -> None:
    phase = logged("phase4")
    manifest = evolve(phase.manifest, title="mine", resources=evolve(phase.manifest.resources, time="2h"))
    assert about(evolve(phase, manifest=manifest)) == "exactly what the log ran"


def test_a_derived_phase_says_in_what_it_differs_from_the_one_it_is_judged_by() -> None:
    phase = logged("phase3")
    kept = {"baseline": phase.configs["baseline"]}
    policy = evolve(kept["baseline"].policy, settings={**kept["baseline"].policy.settings, "units": [64]})
    uses = {"baseline": phase.manifest.configs["baseline"]}
    manifest = evolve(phase.manifest, phase="mine", configs=uses, recorded="../phase3/logged.recorded.json")
    derived = evolve(phase, manifest=manifest, configs={"baseline": evolve(kept["baseline"], policy=policy)})
    assert about(derived) == (
        "NOT what the log ran as phase3: configs.baseline.policy.settings.units is [64], not [400, 200, 100]"
    )
    assert about(evolve(derived, manifest=evolve(manifest, recorded=""))) == (
        "a phase of its own: the log ran none of this name"
    )


def test_what_says_itself_what_it_is_not_keeps_its_words() -> None:
    phase = read_phase(ROOT / "reproductions/phase3/embedded.toml")
    assert about(phase) == phase.manifest.not_this
