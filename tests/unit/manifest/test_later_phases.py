"""Manifests of phases 4 and 5 and of what explains them: they say what the log says, and differ as named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rephase.engine.checkpoints import read_tensors
from rephase.manifest import Phase, Run, read_phase
from rephase.manifest.algorithm import Variant, Variants
from rephase.manifest.hashing import file_digest, plain
from rephase.manifest.outcomes import read_outcomes
from rephase.manifest.schema import PlanReward

FOLDER = Path(__file__).parents[3] / "reproductions"
SEEDS = (42, 123, 456)
KINDS = ("reward-loss", "td-targets", "bootstrap", "task-embedding", "mask-actions", "episode-sampling")
SCALES = ("logged", "embedded")


def phase(name: str, scale: str = "embedded") -> Phase:
    return read_phase(FOLDER / name / f"{scale}.toml")


@pytest.mark.parametrize("scale", SCALES)
def test_phase_4_counts_its_runs_as_job_4012433_did(scale: str) -> None:
    tasks = ("reacher-easy", "walker-stand", "cheetah-run")
    declared = phase("phase4", scale)

    assert list(declared.runs()) == [Run("fullflow", task, seed) for task in tasks for seed in SEEDS]
    assert declared.run_at(4) == Run("fullflow", "walker-stand", 123)


@pytest.mark.parametrize("scale", SCALES)
def test_phase_5_counts_its_runs_as_job_4012434_did(scale: str) -> None:
    tasks, variations = ("walker-stand", "cheetah-run"), ("high-precision-wm", "high-precision-policy", "euler-fast")
    declared = phase("phase5", scale)
    expected = [Run(variation, task, seed) for task in tasks for variation in variations for seed in SEEDS]

    assert list(declared.runs()) == expected
    assert len(expected) == 18
    assert declared.run_at(7) == Run("euler-fast", "walker-stand", 123)
    assert declared.run_at(9) == Run("high-precision-wm", "cheetah-run", 42)


@pytest.mark.parametrize("name", ["phase4", "phase5"])
def test_index_maps_and_runs_are_those_of_the_recorded_outcomes(name: str) -> None:
    declared = phase(name, "logged")
    recorded = read_outcomes(FOLDER / name / "logged.recorded.json")
    stated: Any = recorded.provenance["index_map"]
    [array] = declared.arrays.values()

    assert list(array.order) == list(stated["order"])
    assert list(declared.manifest.tasks) == list(stated["tasks"])
    assert list(declared.manifest.seeds) == list(stated["seeds"])
    assert list(array.configs) == list(stated.get("configs", ["fullflow"]))
    assert {outcome.run for outcome in recorded.judged} == {(run.config, run.task, run.seed) for run in declared.runs()}


@pytest.mark.parametrize("name", ["phase4", "phase5"])
def test_the_logged_scale_trains_as_logged_from_scratch(name: str) -> None:
    declared = phase(name, "logged")
    for config, use in declared.manifest.configs.items():
        algorithm = declared.algorithm(config)
        assert algorithm.finetune_world_model
        assert (algorithm.epochs, algorithm.horizon, algorithm.batch_size, algorithm.model_lr) == (
            15_000,
            16,
            512,
            3e-4,
        )
        assert algorithm.variants == Variants()
        assert (use.world_model, use.start_states, use.transitions) == ("", "", ("mt30-store",))
        assert declared.configs[config].name == "pwm_48M_mt_fullflow"
        assert declared.configs[config].world_model.settings["velocity_head"] == "as-logged"
    assert declared.manifest.evaluation.plan is PlanReward.RE_EVALUATE


@pytest.mark.parametrize("scale", SCALES)
def test_the_variations_of_phase_5_change_the_integration_and_nothing_else(scale: str) -> None:
    declared = phase("phase5", scale)
    standard = plain(phase("phase4", scale).configs["fullflow"])

    def changed(config: str) -> set[tuple[str, Any]]:
        found = plain(declared.configs[config])
        before = {f"{part}.{key}": value for part in ("world_model", "policy") for key, value in flat(standard[part])}
        after = {f"{part}.{key}": value for part in ("world_model", "policy") for key, value in flat(found[part])}
        return {(key, value) for key, value in after.items() if before.get(key) != value}

    def flat(table: dict[str, Any]) -> list[tuple[str, Any]]:
        settings = [(f"settings.{key}", value) for key, value in table["settings"].items() if key.endswith("steps")]
        return [*settings, ("integrator", table["integrator"]["part"])]

    assert changed("high-precision-wm") == {("world_model.settings.substeps", 8)}
    assert changed("high-precision-policy") == {("policy.settings.substeps", 4)}
    assert changed("euler-fast") == {("world_model.integrator", "euler"), ("policy.integrator", "euler")}
    assert standard["world_model"]["settings"]["substeps"] == {"logged": 4, "embedded": 1}[scale]
    assert standard["policy"]["settings"]["substeps"] == 2


MODEL_OF_OBSERVATIONS = {"velocity_unit": "displacement"}
"""What the corrected phases' world models have besides: no defect of the log, but a need of standardised latents."""


def test_corrected_phase_4_differs_from_phase_4_by_the_known_defects_and_what_its_latents_need_alone() -> None:
    logged, corrected = (phase(name).resolved("fullflow") for name in ("phase4", "phase4-corrected"))

    assert logged["algorithm"].pop("variants") == plain(Variants())
    assert corrected["algorithm"].pop("variants") == plain(Variants.corrected())
    assert logged["world_model"]["settings"].pop("velocity_head") == "as-logged"
    assert corrected["world_model"]["settings"].pop("velocity_head") == "corrected"
    assert not MODEL_OF_OBSERVATIONS.keys() & logged["world_model"]["settings"].keys()
    settings = corrected["world_model"]["settings"]
    assert {name: settings.pop(name) for name in MODEL_OF_OBSERVATIONS} == MODEL_OF_OBSERVATIONS
    assert logged["evaluation"].pop("plan") == "re-evaluate"
    assert corrected["evaluation"].pop("plan") == "mppi"
    corrected["evaluation"].pop("planning")
    assert logged == corrected


def test_corrected_phase_5_is_corrected_phase_4_and_three_variations_of_it() -> None:
    declared, base = phase("phase5-corrected"), phase("phase4-corrected")
    standard = plain(base.configs["fullflow"])

    def of(config: str) -> dict[str, Any]:
        found = plain(declared.configs[config])
        return {part: found[part] for part in ("world_model", "policy")}

    def varied(part: str, **changes: Any) -> dict[str, Any]:
        return standard[part] | {key: standard[part][key] | value for key, value in changes.items()}

    euler = {"integrator": {"part": "euler"}}
    wm, policy = standard["world_model"], standard["policy"]
    assert of("standard") == {"world_model": wm, "policy": policy}
    assert of("high-precision-wm") == {"world_model": varied("world_model", settings={"substeps": 8}), "policy": policy}
    assert of("high-precision-policy") == {"world_model": wm, "policy": varied("policy", settings={"substeps": 4})}
    assert of("euler-fast") == {"world_model": varied("world_model", **euler), "policy": varied("policy", **euler)}
    changed = {"epochs": declared.manifest.algorithm.epochs}
    assert declared.manifest.algorithm == evolve(base.manifest.algorithm, **changed)


def test_changes_of_corrected_phase_4s_world_model_are_made_one_at_a_time() -> None:
    latents, corrected = phase("phase4-latents"), phase("phase4-corrected")
    whole = plain(corrected.configs["fullflow"])
    settings = whole["world_model"]["settings"]
    bare = {name: value for name, value in settings.items() if name not in MODEL_OF_OBSERVATIONS}

    def of(config: str) -> dict[str, Any]:
        return plain(latents.configs[config]) | {"name": whole["name"], "title": whole["title"]}

    def model(**changes: Any) -> dict[str, Any]:
        return whole | {"world_model": whole["world_model"] | changes}

    both = bare | {"velocity_unit": "displacement", "angles": True}
    assert of("velocity-unit") == whole
    assert of("neither") == model(settings=bare)
    assert of("angles") == model(settings=bare | {"angles": True})
    assert of("euler") == model(settings=both, integrator={"part": "euler", "settings": {}})
    assert latents.manifest.algorithm == corrected.manifest.algorithm


@pytest.mark.parametrize(("base", "switch"), [("as-logged", "mend"), ("corrected", "keep")])
def test_the_ablation_switches_each_defect_alone(base: str, switch: str) -> None:
    ablation = phase("phase4-ablation")

    def defects(config: str) -> dict[str, str]:
        resolved = ablation.resolved(config)
        head = {"velocity-head": resolved["world_model"]["settings"]["velocity_head"]}
        return {kind.replace("_", "-"): value for kind, value in resolved["algorithm"]["variants"].items()} | head

    start = defects(base)
    assert set(start.values()) == {base}
    for kind in (*KINDS, "velocity-head"):
        other = "corrected" if base == "as-logged" else "as-logged"
        assert defects(f"{switch}-{kind}") == start | {kind: other}


def test_the_ablation_trains_as_phase_4_does_but_shorter() -> None:
    ablation, declared = phase("phase4-ablation"), phase("phase4")
    epochs = ablation.manifest.algorithm.epochs

    assert epochs < declared.manifest.algorithm.epochs
    assert ablation.algorithm("as-logged") == evolve(declared.algorithm("fullflow"), epochs=epochs)
    corrected = phase("phase4-corrected").algorithm("fullflow")
    assert ablation.algorithm("corrected") == evolve(corrected, epochs=epochs)
    assert ablation.algorithm("keep-reward-loss").variants.reward_loss is Variant.AS_LOGGED


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/embedded.toml")), ids=lambda path: path.parent.name)
def test_what_the_embedded_scale_pins_is_what_ships(path: Path) -> None:
    for name, one in read_phase(path).manifest.inputs.items():
        assert file_digest(path.parent / one.path) == one.sha256, name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/embedded.recorded.json")), ids=lambda path: path.parent.name)
def test_recorded_outcomes_are_of_the_manifest_as_it_stands(path: Path) -> None:
    assert read_outcomes(path).provenance["manifest_digest"] == phase(path.parent.name).digest


def test_later_figures_are_never_judged_as_the_log_own() -> None:
    written = json.loads((FOLDER / "phase5/logged.recorded.json").read_text())
    own = [row for row in written["outcomes"] if row["source"] == "log"]
    recorded = read_outcomes(FOLDER / "phase5/logged.recorded.json")

    assert [(row["seed"], row["reward"], row["plan_reward"]) for row in own] == [
        (42, 142.30, 128.08),
        (123, 153.06, 151.15),
    ]
    assert recorded.source == "later public record"
    assert all(outcome.reward not in (142.30, 153.06) for outcome in recorded.judged)


def test_the_world_models_of_the_factorial_are_of_one_size_one_recipe_and_one_budget() -> None:
    factorial = phase("factorial")
    made = json.loads((FOLDER / "factorial/provenance.json").read_text())
    for prefix, encoder in (("", "standardised"), ("learned-", "learned")):
        parts = {
            f"{one}-{other}": (
                factorial.configs[f"{prefix}{one}-{other}"].world_model.part,
                factorial.configs[f"{prefix}{one}-{other}"].policy.part,
                factorial.manifest.configs[f"{prefix}{one}-{other}"].world_model,
            )
            for one in ("mlp", "flow")
            for other in ("mlp", "flow")
        }
        assert parts == {
            "mlp-mlp": ("mlp", "gaussian-mlp", f"world-model-mlp-{encoder}"),
            "mlp-flow": ("mlp", "flow-ode", f"world-model-mlp-{encoder}"),
            "flow-mlp": ("flow", "gaussian-mlp", f"world-model-flow-{encoder}"),
            "flow-flow": ("flow", "flow-ode", f"world-model-flow-{encoder}"),
        }
        one, other = (made["world_models"][f"{kind}-{encoder}"]["parameters"] for kind in ("mlp", "flow"))
        assert abs(one - other) / one < 0.01
        settings = [
            factorial.configs[f"{prefix}{kind}"].world_model.settings.get("encoder", "mlp")
            for kind in ("mlp-mlp", "flow-mlp")
        ]
        assert settings == ["standardised" if encoder == "standardised" else "mlp"] * 2
    assert len({factorial.config_digest(name) for name in factorial.configs}) == 8
    for kind, described in made["world_models"].items():
        path = FOLDER / f"factorial/world_model-{kind}.safetensors"
        tensors, _ = read_tensors(path, described["sha256"])
        learned = [value for name, value in tensors.items() if name not in ("_encoder.mean", "_encoder.deviation")]
        assert sum(value.numel() for value in learned) == described["parameters"]
        assert factorial.input(f"world-model-{kind}").sha256 == described["sha256"]
        assert sorted(map(int, described["losses"])) == list(range(500, made["settings"]["steps"] + 1, 500))
        assert set(described["held_out"]) == set(factorial.manifest.tasks)


def test_a_setting_that_changes_nothing_is_not_in_the_digest_of_records_older_than_it() -> None:
    assert "model_updates" not in phase("phase3").resolved("baseline")["algorithm"]
    assert "model_updates" not in phase("phase4", "logged").resolved("fullflow")["algorithm"]
