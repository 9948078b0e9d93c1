"""Manifests: the shipped ones say what the log says, and a wrong one is refused with every reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import evolve
from fakes.projects import make_project

from rephase.errors import ManifestError, UnknownName, UsageError
from rephase.manifest import Phase, Run, read_phase
from rephase.manifest.schema import Arithmetic

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def logged() -> Phase:
    return read_phase(ROOT / "reproductions/phase3/logged.toml")


def edited(project: Path, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """A copy of the manifest beside the original's folders, with texts replaced."""
    text = (project / "reproductions/phase3/embedded.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = project / f"reproductions/phase3/{tmp_path.name}.toml"
    path.write_text(text)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read_phase(path)
    return [str(problem) for problem in caught.value.problems]


def test_the_logged_phase_3_is_what_the_log_ran(logged: Phase) -> None:
    algorithm = logged.manifest.algorithm

    assert (algorithm.epochs, algorithm.horizon, algorithm.batch_size) == (10_000, 16, 512)
    assert (algorithm.actor_lr, algorithm.critic_lr, algorithm.final_lr) == (5e-4, 5e-4, 1e-5)
    assert (algorithm.actor_grad_norm, algorithm.critic_grad_norm, algorithm.model_grad_norm) == (1.0, 100.0, 20.0)
    assert algorithm.actor_betas == (0.7, 0.95)
    assert not algorithm.finetune_world_model
    assert (logged.manifest.evaluation.episodes, logged.manifest.evaluation.every) == (10, 200)
    assert logged.configs["baseline"].world_model.settings["encoder_units"] == (1792, 1792, 1792)
    assert logged.configs["flowpolicy"].policy.settings["substeps"] == 2
    assert logged.resources_of("flowpolicy") == {
        "account": "coc",
        "cpus": 16,
        "gpu": "H200",
        "gpus": 1,
        "memory": "450GB",
        "partition": "ice-gpu",
        "time": "16h",
    }


def test_array_indices_count_as_the_log_did(logged: Phase) -> None:
    tasks, seeds = ("reacher-easy", "walker-stand", "cheetah-run"), (42, 123, 456)
    for index in range(9):
        expected = Run("flowpolicy", tasks[index // 3], seeds[index % 3])
        assert logged.run_at(index, "flowpolicy") == expected
        assert logged.run_at(9 + index) == expected
    assert logged.run_at(4).label == "baseline/walker-stand/seed-123"


def test_indices_of_the_declared_seeds_do_not_move_with_the_extension(logged: Phase) -> None:
    extended = logged.array_runs("baseline", extended=True)

    assert extended[:9] == logged.array_runs("baseline")
    assert extended[9] == Run("baseline", "reacher-easy", 789)
    assert len(extended) == 18


def test_reference_seeds_come_in_blocks_of_a_rerun_and_change_no_digest(project: Path, tmp_path: Path) -> None:
    plain = read_phase(project / "reproductions/phase3/embedded.toml")
    seeds = "extension_seeds = [7, 8]\n"
    more = read_phase(edited(project, tmp_path, (seeds, f"{seeds}reference_seeds = [11, 12, 13]\n")))
    assert more.digest == plain.digest
    assert more.seed_blocks() == ((1, 2),)
    assert more.seed_blocks(extended=True) == ((1, 2), (7, 8))
    assert more.seed_blocks(reference=True) == ((1, 2), (7, 8), (11, 12), (13,))
    assert more.runs(reference=True)[: len(more.runs()) // 2] == plain.runs()[: len(plain.runs()) // 2]
    assert len(more.runs(reference=True)) == 7 * len(more.runs()) // 2
    assert more.select(seed=13, reference=True)
    with pytest.raises(UnknownName):
        more.select(seed=13, extended=True)


def test_a_reference_seed_that_is_declared_already_is_refused(project: Path, tmp_path: Path) -> None:
    seeds = "extension_seeds = [7, 8]\n"
    bad = edited(project, tmp_path, (seeds, f"{seeds}reference_seeds = [8, 9]\n"))
    assert problems(bad) == ["reference_seeds: 8 is among the seeds or the extension's already; choose a fresh one"]


def test_an_index_outside_is_refused(logged: Phase) -> None:
    with pytest.raises(UsageError) as caught:
        logged.run_at(9, "baseline")

    assert str(caught.value) == "phase3-logged: index 9 is outside 0 to 8; 'rephase show' lists the runs"


def test_selecting_by_unknown_names(logged: Phase) -> None:
    assert len(logged.select(task="walker-stand", seed=42)) == 2
    with pytest.raises(UnknownName, match=re.escape("phase3-logged: unknown task 'walker-stan'")):
        logged.select(task="walker-stan")
    with pytest.raises(UnknownName, match="unknown seed '43'"):
        logged.select(seed=43)


def test_the_digest_is_about_numbers_and_not_about_words(project: Path, tmp_path: Path) -> None:
    original = read_phase(project / "reproductions/phase3/embedded.toml")
    words = read_phase(edited(project, tmp_path, ('title = "a miniature"', 'title = "another title"')))
    numbers = read_phase(edited(project, tmp_path, ("horizon = 2", "horizon = 3")))
    rules = read_phase(edited(project, tmp_path, ("[evaluation]", "[verdict]\nfloor = 19.0\n\n[evaluation]")))

    assert words.digest == original.digest
    assert numbers.digest != original.digest
    assert rules.digest != original.digest
    assert rules.config_digest("baseline") == original.config_digest("baseline")
    assert original.config_digest("baseline") != original.config_digest("flowpolicy")
    assert original.folder_name == f"phase3-embedded-{original.digest[7:19]}"


def test_all_problems_of_a_manifest_at_once(project: Path, tmp_path: Path) -> None:
    path = edited(
        project,
        tmp_path,
        ("seeds = [1, 2]", "seeds = [1, 1, -3]"),
        ("horizon = 2", 'horison = 2\nactor_lr = "5e-4"'),
        ("schema = 1", "schema = 9"),
        ('title = "a miniature"\n', ""),
    )

    assert problems(path) == [
        "title: missing key; add title, a text",
        "algorithm.horison: unknown key; did you mean 'horizon'?",
        "algorithm.actor_lr: expected a number, found text '5e-4'; write it without quotes",
        "schema: schema 9 is unknown, this version reads schema 1; update rephase",
        "seeds: 1 stands there more than once; keep one",
    ]


def test_names_across_the_file_are_checked(project: Path, tmp_path: Path) -> None:
    path = edited(
        project,
        tmp_path,
        ('not_this = "not the 48M world model but a tiny random one"\n', ""),
        ('file = "../configs/baseline.toml"', 'file = "../configs/baseline.toml"\nworld_model = "world-modell"'),
        ('rephase-rk = ">=0.1"', 'rephase-rk = "one"'),
        ("extension_seeds = [7, 8]", "extension_seeds = [2]"),
        ("[configs.baseline]", '[arrays.a]\nconfigs = ["baseline", "basline"]\n\n[configs.baseline]'),
    )

    assert problems(path) == [
        "configs.baseline.world_model: unknown input 'world-modell'; did you mean 'world-model'?",
        "arrays.a.configs[1]: unknown config 'basline'; did you mean 'baseline'?",
        "arrays.a.order: leaves out 'config' with several configs; add 'config'",
        "arrays: no array holds the config 'flowpolicy'; add it to one",
        "extension_seeds: 2 is among the seeds already; choose a fresh one",
        "plugins.rephase-rk: 'one' is no version specifier; write for example \">=0.1,<1\"",
        "not_this: missing key; say in a sentence what the embedded scale is not",
    ]


def test_digests_are_required(project: Path, tmp_path: Path) -> None:
    text = (project / "reproductions/phase3/embedded.toml").read_text()
    digest = re.search(r'sha256 = "(sha256:[0-9a-f]{64})"', text)
    assert digest
    missing = edited(project, tmp_path, (f'sha256 = "{digest[1]}"\n', ""))
    assert problems(missing) == ["inputs.world-model.sha256: missing key; add sha256, a text"]
    short = edited(project, tmp_path, (digest[1], digest[1][:-1]))
    assert problems(short) == [
        f"inputs.world-model.sha256: expected sha256:<64 hex digits> or 'pending', found {digest[1][:-1]!r}; "
        "'sha256sum FILE' computes it"
    ]
    pending = edited(project, tmp_path, (digest[1], "pending"))
    assert problems(pending) == [
        "inputs.world-model.pending_because: missing key; say why nobody recorded a digest",
        "inputs.world-model.sha256: 'pending' without a pinned origin; give repo, revision and filename",
    ]


def test_a_variation_is_a_config_with_overrides(project: Path, tmp_path: Path) -> None:
    path = edited(
        project,
        tmp_path,
        (
            'file = "../configs/flowpolicy.toml"',
            'file = "../configs/flowpolicy.toml"\n'
            'overrides = { "policy.settings.substeps" = 4, "policy.integrator.part" = "euler" }',
        ),
    )
    phase = read_phase(path)

    assert phase.configs["flowpolicy"].policy.settings["substeps"] == 4
    assert phase.configs["flowpolicy"].policy.integrator is not None
    assert phase.configs["flowpolicy"].policy.integrator.part == "euler"


def test_an_override_reaches_settings_the_file_leaves_at_their_defaults(project: Path, tmp_path: Path) -> None:
    use = 'file = "../configs/flowpolicy.toml"'
    path = edited(project, tmp_path, (use, f'{use}\noverrides = {{ "policy.integrator.settings.rtol" = 1e-3 }}'))
    phase = read_phase(path)

    assert phase.configs["flowpolicy"].policy.integrator is not None
    assert phase.configs["flowpolicy"].policy.integrator.settings == {"rtol": 1e-3}


def test_an_override_into_nowhere_is_refused(project: Path, tmp_path: Path) -> None:
    use = 'file = "../configs/flowpolicy.toml"'
    path = edited(project, tmp_path, (use, f'{use}\noverrides = {{ "polcy.settings.substeps" = 4 }}'))

    assert problems(path) == [
        "configs.flowpolicy.overrides.polcy.settings.substeps: unknown table 'polcy'; did you mean 'policy'?"
    ]


def test_a_missing_config_file_is_said_where_it_is_named(project: Path, tmp_path: Path) -> None:
    path = edited(project, tmp_path, ("../configs/baseline.toml", "../configs/baselin.toml"))

    assert problems(path) == [
        "configs.baseline.file: no such file: ../configs/baselin.toml; check the path, relative to this file"
    ]


@pytest.mark.parametrize("scale", ["logged", "embedded"])
def test_every_shipped_manifest_reads(scale: str) -> None:
    for path in sorted((ROOT / "reproductions").glob(f"*/{scale}.toml")):
        assert read_phase(path).runs()


@pytest.mark.parametrize(("scale", "expected"), [("embedded", Arithmetic.PORTABLE), ("logged", Arithmetic.NATIVE)])
def test_arithmetic_is_part_of_the_digests_where_it_is_portable(scale: str, expected: Arithmetic) -> None:
    phase = read_phase(ROOT / f"reproductions/phase3/{scale}.toml")
    said = {kind: evolve(phase, manifest=evolve(phase.manifest, arithmetic=kind)) for kind in (None, *Arithmetic)}

    assert phase.manifest.arithmetic is None
    assert said[None].arithmetic is expected
    assert said[None].digest == said[expected].digest
    assert said[Arithmetic.PORTABLE].digest != said[Arithmetic.NATIVE].digest
    assert said[Arithmetic.PORTABLE].config_digest("baseline") != said[Arithmetic.NATIVE].config_digest("baseline")
    assert said[Arithmetic.PORTABLE].resolved("baseline")["arithmetic"] == "portable"
    assert "arithmetic" not in said[Arithmetic.NATIVE].resolved("baseline")


def test_two_tables_may_take_the_places_of_others_in_one_config(project: Path, tmp_path: Path) -> None:
    table = '{ part = "flow-ode", settings = { units = [4, 4] }, integrator = { part = "heun", settings = {} } }'
    path = edited(
        project,
        tmp_path,
        (
            'file = "../configs/baseline.toml"\n',
            'file = "../configs/baseline.toml"\n[configs.baseline.overrides]\n'
            f'policy = {table}\n"world_model.settings" = {{ latent_size = 8, units = [5] }}\n'
            '"policy.settings.substeps" = 3\n',
        ),
    )
    config = read_phase(path).configs["baseline"]
    assert config.policy.integrator.part == "heun"
    assert dict(config.policy.settings) == {"units": (4, 4), "substeps": 3}
    assert dict(config.world_model.settings) == {"latent_size": 8, "units": (5,)}
