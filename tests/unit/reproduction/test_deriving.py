"""Derived phases: what was asked for is different, the text stays, and nothing is written that could not be run."""

from __future__ import annotations

import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fakes.distributions import install
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.manifest import Phase
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A miniature project whose manifest is written as people write them."""
    project = make_project(tmp_path / "project", seeds=(1, 2), tasks=("reacher-easy", "walker-stand"))
    file = project / "reproductions/phase3/embedded.toml"
    text = file.read_text()
    text = text.replace("[configs.baseline]", "# the log's own\n[configs.baseline] # the MLP policy")
    text = text.replace("[configs.flowpolicy]", '# the other one\n[configs . "flowpolicy"]   # by Heun')
    text = text.replace("[plugins]", "[plugins] # nothing else is imported")
    file.write_text(text)
    return project


def derived(project: Path, *words: str) -> tuple[int, Phase | None]:
    code = main(["derive", "phase3", "mine", "--project", str(project), *words])
    file = project / "reproductions/mine/embedded.toml"
    assert file.parent.exists() == (code == 0)
    return code, open_phase("mine", "embedded", project) if code == 0 else None


def made(project: Path, *words: str) -> Phase:
    code, phase = derived(project, *words)
    assert code == 0
    assert phase is not None
    return phase


def text_of(project: Path) -> str:
    return (project / "reproductions/mine/embedded.toml").read_text()


def test_headers_with_comments_and_quoted_keys_are_tables_like_others(project: Path) -> None:
    phase = made(project, "--config", "flowpolicy", "--plugin", "rephase-euler")

    assert list(phase.configs) == ["flowpolicy"]
    assert phase.manifest.plugins["rephase-euler"] == ">=0"
    text = text_of(project)
    assert "[plugins] # nothing else is imported" in text
    assert "# the other one\n[configs" in text
    assert "# by Heun" in text
    assert "the MLP policy" not in text


def test_without_a_config_all_stay(project: Path) -> None:
    assert list(made(project, "--seed", "5").configs) == ["baseline", "flowpolicy"]


def test_inline_tables_are_changed_too(project: Path) -> None:
    file = project / "reproductions/phase3/embedded.toml"
    text = file.read_text()
    start, end = text.index("# the log's own"), text.index("[algorithm]")
    inline = "[configs]\nbaseline = { file = '../configs/baseline.toml' }\nflowpolicy = { file = "
    inline += "'../configs/flowpolicy.toml', overrides = { 'policy.settings.substeps' = 3 } }\n\n"
    file.write_text(text[:start] + inline + text[end:])

    phase = made(project, "--config", "flowpolicy", "--set", "policy.integrator.part=rk4")

    policy = phase.configs["flowpolicy"].policy
    assert (policy.integrator and policy.integrator.part, policy.settings["substeps"]) == ("rk4", 3)


def test_another_part_drops_the_settings_and_the_integrator_of_the_old_one(project: Path) -> None:
    words = ["--config", "flowpolicy", "--set", "policy.settings.units=[8]", "--set", "policy.part=gaussian-mlp"]
    policy = made(project, *words).configs["flowpolicy"].policy

    assert (policy.part, policy.integrator, policy.settings["units"]) == ("gaussian-mlp", None, (8,))
    assert 'policy = {part = "gaussian-mlp", settings = {units = [8]}}' in text_of(project)


def test_the_same_part_keeps_its_settings(project: Path) -> None:
    before = open_phase("phase3", "embedded", project).configs["flowpolicy"].policy
    phase = made(project, "--config", "flowpolicy", "--set", f"policy.part={before.part}")

    assert phase.configs["flowpolicy"].policy == before


def test_tasks_seeds_and_the_algorithm_are_changed_where_the_manifest_says_them(project: Path) -> None:
    words = ["--task", "walker-stand", "--seed", "7", "--seed", "9", "--set", "algorithm.epochs=5"]
    phase = made(project, *words, "--set", "algorithm.variants.bootstrap=corrected", "--set", "evaluation.episodes=2")

    assert phase.manifest.tasks == ("walker-stand",)
    assert (phase.manifest.seeds, phase.manifest.extension_seeds) == ((7, 9), (8,))
    assert phase.algorithm("baseline").epochs == 5
    assert phase.algorithm("baseline").variants.bootstrap == "corrected"
    assert phase.manifest.evaluation.episodes == 2
    assert "algorithm.epochs = 5" in phase.manifest.title
    assert phase.manifest.not_this.startswith("not phase3 as it stands, but with algorithm.epochs = 5")
    assert phase.manifest.question.startswith("What becomes of phase3 with algorithm.epochs = 5")


def test_a_configs_own_value_does_not_stand_above_the_one_asked_for(project: Path) -> None:
    file = project / "reproductions/phase3/embedded.toml"
    own = 'file = "../configs/baseline.toml"\nalgorithm = { epochs = 3, horizon = 2 }'
    file.write_text(file.read_text().replace('file = "../configs/baseline.toml"', own))

    algorithm = made(project, "--set", "algorithm.epochs=5").algorithm("baseline")

    assert (algorithm.epochs, algorithm.horizon) == (5, 2)


def test_unset_leaves_a_value_at_its_default(project: Path) -> None:
    words = ["--unset", "algorithm.epochs", "--unset", "policy.settings.units", "--config", "baseline"]
    phase = made(project, *words)

    assert phase.algorithm("baseline").epochs == 10_000
    assert "units" not in phase.configs["baseline"].policy.settings


def test_files_of_the_phases_own_folder_are_found_from_the_new_one(project: Path) -> None:
    old = project / "reproductions/phase3"
    (old / "starts.safetensors").write_bytes((project / "reproductions/embedded/start_states.safetensors").read_bytes())
    file = old / "embedded.toml"
    file.write_text(file.read_text().replace("../embedded/start_states.safetensors", "starts.safetensors"))

    phase = made(project, "--config", "baseline")

    assert phase.path_of("start-states").is_file()
    assert phase.manifest.recorded == "../phase3/embedded.recorded.json"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "policy.part=gausian-mlp"], "did you mean 'gaussian-mlp'?"),
        (["--set", "policy.settings.unitz=[8]"], "unitz"),
        (["--set", "algorithm.epoch=5"], "did you mean 'epochs'?"),
        (["--set", "algorithm.epochs=five"], "algorithm.epochs"),
        (["--set", "configs.baseline.file=x"], "use --config, --plugin, --task or --seed, or edit the manifest"),
        (["--unset", "policy.settings.none"], "--unset: 'policy.settings.none' is not set"),
        (["--task", "walker-stant"], "did you mean 'walker-stand'?"),
        (["--seed", "-1"], "seed -1 is negative"),
        (["--plugin", "rephase-absent"], "rephase-absent: is not installed, or offers nothing"),
        (["--plugin", "no such thing"], "--plugin: 'no such thing' is no distribution"),
        (["--set", "policy.integrator.part=ralston"], "add --plugin rephase-ralston"),
    ],
)
def test_what_could_not_be_run_is_refused_and_nothing_is_written(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    install(monkeypatch, tmp_path / "site", "rephase-ralston", name="ralston")

    assert derived(project, "--config", "flowpolicy", *words) == (2, None)
    assert said in capsys.readouterr().err


def test_what_is_printed_can_be_pasted(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = project.rename(tmp_path / "my project")

    assert main(["derive", "phase3", "mine", "--project", str(place), "--seed", "3"]) == 0

    [run, check] = [shlex.split(line) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert run == ["rephase", "run", "mine", "--project", str(place)]
    assert check == ["rephase", "check", "mine", "--project", str(place)]


@pytest.mark.torch
def test_every_shipped_manifest_can_be_derived_from(tmp_path: Path) -> None:
    import shutil

    root = Path(__file__).parents[3] / "reproductions"
    project = tmp_path / "project"
    shutil.copytree(root, project / "reproductions", ignore=shutil.ignore_patterns("*.safetensors", "*.json"))
    for file in sorted(root.glob("*/*.toml")):
        if file.parent.name == "configs":
            continue
        name, scale = file.parent.name, file.stem
        words = ["derive", name, f"{name}-mine", "--scale", scale, "--seed", "77", "--project", str(project)]
        assert main(words) == 0, file
        before: dict[str, Any] = tomllib.loads(file.read_text())
        after: dict[str, Any] = tomllib.loads((project / f"reproductions/{name}-mine/{scale}.toml").read_text())
        for key in ("inputs", "configs", "algorithm", "arrays", "plugins"):
            assert after.get(key) == before.get(key) or key == "inputs", (file, key)


def test_a_derived_phase_is_judged_by_its_own_record_once_it_has_one(project: Path) -> None:
    from rephase.manifest.outcomes import Outcome, RecordedOutcomes, write_outcomes
    from rephase.reproduction.checking import own_outcomes, recorded_outcomes

    def record(phase: str, reward: float) -> RecordedOutcomes:
        row = Outcome(config="baseline", task="walker-stand", seed=1, reward=reward)
        return RecordedOutcomes(phase=phase, scale="embedded", source="a test", outcomes=[row])

    phase = made(project, "--config", "baseline")
    theirs = project / "reproductions/phase3/embedded.recorded.json"
    write_outcomes(theirs, record("phase3", 1.0))
    before = theirs.read_bytes()

    assert recorded_outcomes(phase).phase == "phase3"
    assert phase.own_record == project / "reproductions/mine/embedded.recorded.json"

    write_outcomes(phase.own_record, record("mine", 2.0))

    assert own_outcomes(phase).outcomes[0].reward == 2.0
    assert theirs.read_bytes() == before
    assert open_phase("phase3", "embedded", project).own_record == theirs


def test_a_derived_phase_without_any_record_says_which_commands_make_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--project", str(project)]
    assert main(["derive", "phase3", "mine", *place]) == 0
    assert main(["derive", "mine", "again", *place]) == 0
    capsys.readouterr()

    for name in ("mine", "again"):
        assert main(["check", name, *place]) == 2
        assert capsys.readouterr().err.endswith(
            "recorded: no such file: ../phase3/embedded.recorded.json; it is the record of phase3: "
            "'rephase run phase3' makes runs, 'rephase record phase3' records them\n"
        )
        assert main(["compare", name, "phase3", *place]) == 2
        assert capsys.readouterr().err == (
            f"rephase: {name}: nothing is recorded of its own; "
            f"'rephase run {name}' makes runs, 'rephase record {name}' records them\n"
        )
    assert main(["check", "phase3", *place]) == 2
    assert capsys.readouterr().err.endswith(
        "recorded: no such file: embedded.recorded.json; "
        "'rephase run phase3' makes runs, 'rephase record phase3' records them\n"
    )


def test_a_derived_phase_that_shares_no_cell_with_its_record_has_nothing_to_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("phase3", "configs", "embedded"):
        shutil.copytree(ROOT / "reproductions" / name, tmp_path / "reproductions" / name)
    place = ["--project", str(tmp_path)]
    assert main(["derive", "phase3", "mine", "--task", "walker-run", *place]) == 0
    capsys.readouterr()

    assert main(["check", "mine", *place]) == 3
    assert (
        "phase3 recorded none of these cells; 'rephase run mine' makes runs, 'rephase record mine' records them"
    ) in " ".join(capsys.readouterr().out.split())
