"""What is asked of pretraining is read strictly before anything is made."""

import pytest

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--schedule", "ronds=3"), "ronds"),
        (("--schedule", "rounds=0"), "rounds"),
        (("--threads", "0"), "expected a whole number of at least 1"),
        ((), "the following arguments are required: --task"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_made(words, problem, command, tmp_path):
    task = ("--task", "walker-run") if words else ()
    code, _, error = command("pretrain", "mine", *task, *words, "--project", tmp_path, "--work", tmp_path / "work")
    assert code == 2
    assert problem in error
    assert list(tmp_path.iterdir()) == []


def test_parts_schedule_and_seeds_are_passed_on(command, tmp_path, monkeypatch):
    from types import SimpleNamespace

    seen = {}

    def pretrain(name, wanted, schedule, project, work, say, threads):
        seen.update(name=name, wanted=wanted, schedule=schedule, work=work)
        return SimpleNamespace(files=[tmp_path / "mine.toml"], rounds=[])

    monkeypatch.setattr("rephase.reproduction.pretraining.making.pretrain", pretrain)
    words = ["--task", "walker-run", "--schedule", "rounds=2", "--seed", "7", "--project", tmp_path]
    code, text, _ = command("pretrain", "mine", *words)
    assert code == 0
    assert text.splitlines()[-1] == f"  rephase run mine --project {tmp_path}"
    assert (seen["wanted"].tasks, seen["wanted"].seeds, seen["wanted"].policies) == (
        ("walker-run",),
        (7,),
        ("gaussian-mlp",),
    )
    assert seen["schedule"].rounds == 2
    assert str(seen["work"]) == "runs/pretrain-mine"
