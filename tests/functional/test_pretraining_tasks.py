"""A task of a made-up plugin, from nothing to returns: pretrained in miniature, run, interrupted and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.distributions import install
from fakes.projects import make_project
from fakes.tasks import POINT

from rephase.cli.main import main
from rephase.engine.checkpoints import read_tensors
from rephase.errors import UsageError
from rephase.reproduction.new_phase import NewPhase
from rephase.reproduction.phases import open_phase
from rephase.reproduction.pretraining.making import pretrain
from rephase.reproduction.pretraining.schedule import PretrainSchedule
from rephase.reproduction.storing import Store

pytestmark = pytest.mark.slow

TINY = {"world_model.settings.latent_size": 8, "world_model.settings.units": [8], "policy.settings.units": [8]}
SCHEDULE = PretrainSchedule(
    explore=3, first_fit=4, rounds=2, policies=1, epochs=2, episodes=3, round_fit=3, final_fit=4, start_states=15
)
WANTED = NewPhase(
    world_model="mlp",
    policies=("gaussian-mlp",),
    tasks=("point",),
    seeds=(1, 2),
    inputs={},
    changes=TINY,
    algorithm={"epochs": 2, "critic_units": [8]},
    evaluation={"episodes": 2, "every": 0},
)


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed plugin that offers the task ``point``."""
    source = POINT.format(name="point", module="rephase_point", index=30)
    install(monkeypatch, tmp_path / "point", "rephase-point", source=source)


@pytest.mark.usefixtures("point")
def test_a_task_of_ones_own_comes_to_returns_in_two_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    made = pretrain("mine", WANTED, SCHEDULE, tmp_path, tmp_path / "work", said.append)

    phase = open_phase("mine", "embedded", tmp_path)
    assert phase.file == made.files[0]
    assert set(phase.manifest.plugins) == {"rephase-mlp", "rephase-point"}
    model, about = read_tensors(phase.path_of("world-model"), phase.input("world-model").sha256)
    assert about["world_model"] == "mlp"
    assert [tuple(value.shape) for name, value in model.items() if "task" in name] == [(31, 8)]
    starts, _ = read_tensors(phase.path_of("start-states"), phase.input("start-states").sha256)
    assert starts["observations"].shape == (15, 24)
    assert set(starts["tasks"].tolist()) == {30}
    provenance = json.loads((phase.file.parent / "provenance.json").read_text())
    assert [(row["round"], row["task"], len(row["returns"])) for row in provenance["rounds"]] == [
        (1, "point", 1),
        (2, "point", 1),
    ]
    assert said[0].startswith("point: 3 episodes of random actions return ")

    assert main(["run", "mine", "--project", str(tmp_path), "--threads", "1", "--jobs", "1"]) == 0
    records = Store(tmp_path / "runs", phase).records()
    assert [record.run.label for record in records] == ["main/point/seed-1", "main/point/seed-2"]
    assert all(0 < value <= 20 for record in records for value in record.episode_returns)
    assert main(["record", "mine", "--project", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["compare", "mine", "mine", "--project", str(tmp_path)]) == 0
    assert "point" in capsys.readouterr().out


@pytest.mark.usefixtures("point")
def test_what_was_done_is_not_done_again_and_the_end_is_the_same(tmp_path: Path) -> None:
    def interrupted(line: str) -> None:
        if line.startswith("round 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain("mine", WANTED, SCHEDULE, tmp_path, tmp_path / "work", interrupted)
    assert not (tmp_path / "reproductions").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("model-0[01].safetensors")}
    first = pretrain("mine", WANTED, SCHEDULE, tmp_path, tmp_path / "work", str)
    assert {path: path.stat().st_mtime_ns for path in before} == before

    second = pretrain("mine", WANTED, SCHEDULE, tmp_path / "again", tmp_path / "work-again", str)
    assert [path.read_text() for path in first.files] == [path.read_text() for path in second.files]


@pytest.mark.usefixtures("point")
def test_work_that_was_begun_otherwise_and_a_name_that_is_taken_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["pretrain", "mine", "--task", "point", "--project", str(tmp_path / "package")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/pretrain-mine").mkdir(parents=True)
    (tmp_path / "runs/pretrain-mine/settings.json").write_text("{}\n")
    assert main(words) == 2
    with pytest.raises(UsageError, match="was begun with other settings; remove it, or choose another name"):
        pretrain("mine", WANTED, SCHEDULE, tmp_path, tmp_path / "runs/pretrain-mine", str)
    (tmp_path / "reproductions/mine").mkdir(parents=True)
    with pytest.raises(UsageError, match="is there already; choose another name"):
        pretrain("mine", WANTED, SCHEDULE, tmp_path, tmp_path / "other", str)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "walker-rum"], "unknown task 'walker-rum'; did you mean 'walker-run'"),
        (["--task", "walker-run", "--schedule", "round=3"], "--schedule: round: unknown key; did you mean 'rounds'?"),
        (["--task", "walker-run", "--schedule", "rounds=0"], "--schedule: rounds: "),
        (["--task", "walker-run", "--world-model", "mpl"], "--world-model: unknown world-model 'mpl'"),
        (["--task", "walker-run", "--set", "world_model.settings.latent=8"], "unknown key"),
        (["--task", "walker-run", "--set", "algorithm.epoch=8"], "epoch: unknown key; did you mean 'epochs'?"),
        (["--task", "walker-run", "--set", "evaluation.episodes=0"], "--set: evaluation.episodes: "),
        (["--task", "walker-run", "--set", "algorithms.epochs=8"], "'algorithms'; did you mean 'algorithm'?"),
    ],
)
def test_mistakes_are_said_before_anything_is_done(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "mine", *words, "--project", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_stock_task_that_the_model_does_not_know_says_the_command_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    derived = ["phase3", "mine", "--task", "walker-run", "--config", "baseline", "--project", str(project)]
    assert main(["derive", *derived]) == 0
    capsys.readouterr()
    assert main(["run", "mine", "--project", str(project), "--threads", "1", "--jobs", "1"]) == 3
    assert (
        "no start states of 'walker-run', so that the world model beside them does not know it either; "
        "'rephase pretrain my-walker-run --task walker-run' makes both for it"
    ) in " ".join(capsys.readouterr().err.split())
