"""A miniature phase whose runs train world models of their own from episodes: run, stopped, gone on, checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from fakes.projects import make_project
from torch import Tensor

from rephase.cli.main import main
from rephase.engine.checkpoints import read_tensors
from rephase.engine.cohort import Cohort, Member
from rephase.environments import SPACES, find_task
from rephase.errors import CheckpointError, ManifestError
from rephase.manifest import read_phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.hashing import file_digest
from rephase.manifest.record import read_record
from rephase.reproduction.loading import calibrate, load_transitions
from rephase.reproduction.trained import find_run, trained_policy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose phase is complete and recorded."""
    folder = make_project(tmp_path_factory.mktemp("project"), trains_world_model=True)
    assert main(["run", "phase3", "--project", str(folder), "--threads", "1"]) == 0
    reference = ["phase3", "--project", str(folder), "--runs", str(folder / "reference")]
    assert main(["run", *reference, "--jobs", "1"]) == 0
    assert main(["record", *reference]) == 0
    return folder


def test_every_run_keeps_a_world_model_of_its_own_and_its_record_says_so(project: Path) -> None:
    records = [read_record(path) for path in sorted(project.glob("runs/**/record.json"))]
    files = [next(project.glob(f"runs/*/{record.run.label}")) / record.world_model_file for record in records]

    assert len(records) == 8
    assert [record.world_model_sha256 for record in records] == [file_digest(path) for path in files]
    assert len({record.world_model_sha256 for record in records}) == 8
    for record in records:
        assert {"dynamics_loss", "reward_loss", "wm_grad_norm"} <= record.metrics.keys()
        assert sorted(record.inputs) == ["cheetah-run", "reacher-easy"]
        assert record.resolved["roles"] == {
            "start_states": "",
            "transitions": "reacher-easy cheetah-run",
            "world_model": "",
        }
        assert record.curve[-1].predicted_return == pytest.approx(0, abs=1e-3)


def test_the_phase_judged_against_itself_passes_until_a_world_model_is_swapped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "phase3", "--project", str(project)]) == 0
    model = next(project.glob("runs/**/baseline/reacher-easy/seed-1/world_model.safetensors"))
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    try:
        assert main(["check", "phase3", "--project", str(project)]) == 5
    finally:
        model.write_bytes(whole)

    text = " ".join(capsys.readouterr().out.split())
    assert "its world model file is missing or is not the one that was evaluated" in text


def test_a_trained_policy_acts_in_the_world_model_it_was_trained_with(project: Path) -> None:
    record, act = trained_policy(find_run("flowpolicy/cheetah-run/seed-2", project / "runs"), project)
    rows = torch.rand(3, 24, generator=torch.Generator().manual_seed(0)).numpy()

    assert record.world_model_file == "world_model.safetensors"
    assert act(rows).shape == (3, 6)


def test_a_stopped_phase_goes_on_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), epochs=6, trains_world_model=True)
    words = ["run", "phase3", "--project", str(project), "--config", "baseline", "--threads", "1"]
    assert main([*words, "--runs", str(tmp_path / "undisturbed")]) == 0
    advance = Cohort.advance

    def interrupted(self: Cohort, epochs: int) -> None:
        if self.epoch == 4:
            raise KeyboardInterrupt
        advance(self, epochs)

    monkeypatch.setattr(Cohort, "advance", interrupted)
    assert main([*words, "--checkpoint-seconds", "0"]) == 130
    monkeypatch.setattr(Cohort, "advance", advance)
    assert main(words) == 0

    for name in ("policy", "world_model"):
        expected = sorted(tmp_path.glob(f"undisturbed/**/{name}.safetensors"))
        found = sorted(project.glob(f"runs/**/{name}.safetensors"))
        assert len(expected) == len(found) == 2
        assert [file_digest(path) for path in expected] == [file_digest(path) for path in found]
    assert all(read_record(path).resumed for path in project.glob("runs/**/record.json"))


def test_runs_that_start_from_weights_start_from_all_of_them(tmp_path: Path) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), epochs=1, trains_world_model=True)
    manifest = project / "reproductions/phase3/embedded.toml"
    still = "finetune_world_model = true\nmodel_lr = 1e-12\nfinal_lr = 0.0"
    text = manifest.read_text().replace('world_model = ""', 'world_model = "world-model"')
    manifest.write_text(text.replace("finetune_world_model = true", still))
    assert main(["run", "phase3", "--project", str(project), "--config", "baseline", "--threads", "1"]) == 0

    weights, _ = read_tensors(project / "reproductions/embedded/world_model.safetensors")
    for path in project.glob("runs/**/world_model.safetensors"):
        found, _ = read_tensors(path)
        assert found.keys() == weights.keys()
        assert all(torch.allclose(found[name], weights[name], atol=1e-9) for name in weights)


def test_a_model_of_standardised_observations_keeps_the_scale_of_its_run_s_episodes(tmp_path: Path) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), trains_world_model=True)
    _use_flow_model(project, latent_size=SPACES.observation)
    manifest = project / "reproductions/phase3/embedded.toml"
    each_alike = '[algorithm.variants]\nepisode_sampling = "corrected"\n\n[evaluation]'
    manifest.write_text(manifest.read_text().replace("[evaluation]", each_alike))
    assert main(["run", "phase3", "--project", str(project), "--config", "baseline", "--threads", "1"]) == 0

    held = read_tensors(project / "reproductions/embedded/episodes-reacher-easy.safetensors")[0]["observations"]
    rows = held[:, :-1].flatten(0, 1)
    paths = sorted(project.glob("runs/**/world_model.safetensors"))
    assert len(paths) == 2
    for path in paths:
        found, _ = read_tensors(path)
        index = find_task("reacher-easy").index
        torch.testing.assert_close(found["_encoder.mean"][index], rows.mean(0), atol=0.03, rtol=0)
        assert read_record(path.with_name("record.json")).outcome.update_seconds > 0  # type: ignore[operator]
        torch.testing.assert_close(found["_encoder.deviation"][index], rows.std(0), atol=0.03, rtol=0.05)
        others = torch.arange(SPACES.tasks) != index
        assert found["_encoder.mean"][others].eq(0).all()
        assert found["_encoder.deviation"][others].eq(1).all()
    _, act = trained_policy(find_run("baseline/reacher-easy/seed-2", project / "runs"), project)
    assert act(rows[:3].numpy()).shape == (3, 6)


def test_entries_that_stand_still_keep_their_scale(project: Path) -> None:
    class Told:
        def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
            self.told = mean, deviation, task

    class Half:
        def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            moving = torch.linspace(-1, 1, count).expand(horizon + 1, -1)
            rows = torch.stack([moving, torch.full_like(moving, 3.0)], -1)
            return rows, rows, rows, rows

    model = Told()
    calibrate(model, Member(4, 1), Half())  # type: ignore[arg-type]
    mean, deviation, task = model.told
    assert mean.tolist() == pytest.approx([0, 3], abs=1e-5)
    assert deviation.tolist() == pytest.approx([3**-0.5, 1], abs=1e-3)
    assert task == 4


def test_a_model_that_counts_in_steps_is_told_them_of_the_same_rows() -> None:
    class Told:
        def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
            self.drawn = mean, deviation

        def calibrate_steps(self, deviation: Tensor, task: int) -> None:
            self.steps = deviation, task

    class Walk:
        def draw(self, count: int, horizon: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            sign = torch.tensor([-1.0, 1.0]).repeat(count // 2)
            rows = torch.stack([torch.zeros(count), torch.ones(count)], -1)
            step = torch.stack([0.25 * sign, torch.zeros(count)], -1)
            return torch.stack([rows, rows + step]), rows, rows, rows

    model = Told()
    calibrate(model, Member(4, 1), Walk())  # type: ignore[arg-type]
    deviation, task = model.steps
    assert deviation.tolist() == pytest.approx([0.25, 1], abs=1e-3)
    assert task == 4


def test_a_model_of_observations_with_another_width_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), trains_world_model=True)
    _use_flow_model(project, latent_size=16)
    assert main(["run", "phase3", "--project", str(project), "--config", "baseline", "--threads", "1"]) != 0

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("rephase: rephase-flow")
    assert "the world-model 'flow' cannot be built: latent_size must be 24, the width of an observation" in last


def _use_flow_model(project: Path, latent_size: int) -> None:
    path = project / "reproductions/configs/baseline.toml"
    settings = f'encoder = "standardised"\ntau = "early"\nlatent_size = {latent_size}'
    text = path.read_text().replace('part = "mlp"', 'part = "flow"').replace("latent_size = 16", settings)
    path.write_text(text + '\n[world_model.integrator]\npart = "heun"\n')


def test_as_logged_a_run_redraws_its_episodes_and_corrected_it_uses_each(project: Path) -> None:
    path = project / "reproductions/embedded/episodes-reacher-easy.safetensors"
    held = read_tensors(path)[0]["rewards"]
    member = Member(4, 3)

    def seen(sampling: Variant) -> set[int]:
        [source] = load_transitions({path: file_digest(path)}, [member], sampling, 6)
        rewards = source.draw(500, 6, torch.Generator().manual_seed(0))[2]
        return {int((held == row).all(1).nonzero()) for row in rewards.T}

    assert seen(Variant.CORRECTED) == {0, 1, 2}
    assert len(seen(Variant.AS_LOGGED)) < 3


def test_mistakes_about_transitions_are_told_apart(project: Path) -> None:
    path = project / "reproductions/embedded/episodes-reacher-easy.safetensors"
    files = {path: file_digest(path)}
    with pytest.raises(CheckpointError, match="episodes of 6 steps hold no stretch of 7; shorten the horizon"):
        load_transitions(files, [Member(4, 1)], Variant.CORRECTED, 7)
    with pytest.raises(CheckpointError, match="no episodes of 'walker-stand'; name an input of every task"):
        load_transitions(files, [Member(0, 1)], Variant.CORRECTED, 2)
    starts = project / "reproductions/embedded/start_states.safetensors"
    with pytest.raises(CheckpointError, match=re.escape("task '' with observations (16, 24), actions () and rewards")):
        load_transitions({starts: file_digest(starts)}, [Member(0, 1)], Variant.CORRECTED, 2)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'transitions = ["reacher-easy", "cheetah-run"]',
            "",
            "configs.baseline.transitions: the world model trains, and on nothing; name inputs that hold episodes",
        ),
        (
            'transitions = ["reacher-easy", ',
            'transitions = ["reacher-eazy", ',
            "configs.baseline.transitions[0]: unknown input 'reacher-eazy'; did you mean 'reacher-easy'?",
        ),
        (
            'start_states = ""',
            'start_states = ""\nalgorithm = { "variants.rewardloss" = "corrected" }',
            "configs.baseline.algorithm.variants.rewardloss: unknown key; did you mean 'reward_loss'?",
        ),
        (
            "finetune_world_model = true",
            "finetune_world_model = false",
            "configs.baseline.world_model: no weights, and nothing trains them; name an input",
        ),
    ],
)
def test_manifests_that_cannot_be_trained_are_refused(project: Path, old: str, new: str, problem: str) -> None:
    text = (project / "reproductions/phase3/embedded.toml").read_text()
    assert old in text
    path = project / "reproductions/phase3/wrong.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ManifestError) as caught:
        read_phase(path)

    assert problem in [str(one) for one in caught.value.problems]


def test_a_configuration_may_be_trained_otherwise_than_its_phase(project: Path) -> None:
    text = (project / "reproductions/phase3/embedded.toml").read_text()
    path = project / "reproductions/phase3/otherwise.toml"
    own = 'start_states = ""\nalgorithm = { "variants.reward_loss" = "corrected", epochs = 7 }'
    path.write_text(text.replace('start_states = ""', own, 1))
    before, after = read_phase(project / "reproductions/phase3/embedded.toml"), read_phase(path)

    assert after.algorithm("baseline").variants.reward_loss is Variant.CORRECTED
    assert (after.algorithm("baseline").epochs, after.algorithm("flowpolicy").epochs) == (7, 2)
    assert after.config_digest("baseline") != before.config_digest("baseline")
    assert after.config_digest("flowpolicy") == before.config_digest("flowpolicy")
