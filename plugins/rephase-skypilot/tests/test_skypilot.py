"""The runner against a stand-in for SkyPilot's program; where SkyPilot is installed, tasks are read by it too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from rephase_skypilot.jobs import SkyPilot, launched_job, parse_queue
from rephase_skypilot.options import SkyOptions
from rephase_skypilot.tasks import task_text

from rephase.errors import CannotRunHere, ManifestError, UsageError
from rephase.manifest.reading import structure
from rephase.plugins.runners import build_runner, discover_runners
from rephase.protocols import Bind, Container, Job, JobRequest, JobTask, Stage

GOLDEN = Path(__file__).parent / "golden"
DIGEST = "sha256:" + "ab" * 32
VOLUME = SkyOptions(infra="k8s/my-context", volume="rephase-runs")
BUCKET = SkyOptions(bucket="s3://my-bucket/rephase", use_spot=True, disk_size=200)


def job(**changes: object) -> Job:
    values = {
        "name": "rephase-phase3-logged-baseline",
        "title": "phase3 at the logged scale, array baseline; by rephase submit",
        "tasks": (JobTask(0, "baseline/reacher-easy/seed-42"), JobTask(4, "baseline/walker-stand/seed-123")),
        "request": JobRequest(
            partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account="coc"
        ),
        "container": Container(
            f"registry.example/rephase@{DIGEST}",
            DIGEST,
            (Bind(Path("/scratch/clone/reproductions")), Bind(Path("/scratch/runs"), writable=True)),
        ),
        "arguments": ("run", "phase3", "--scale", "logged", "--runs", "/scratch/runs", "--config", "baseline"),
        "log_folder": Path("/scratch/runs/logs"),
    }
    return Job(**(values | changes))  # type: ignore[arg-type]


class Sky:
    """Stands in for ``sky``: numbers jobs from 7 and remembers what was said and given."""

    def __init__(self, queue: object = (), fails_at: int = 0, says_number: bool = True) -> None:
        self.said: list[list[str]] = []
        self.given: list[str] = []
        self.number = 7
        self.queue, self.fails_at, self.says_number = queue, fails_at, says_number

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.said.append(list(command))
        out = ""
        if command[1:3] == ["jobs", "launch"]:
            self.given.append(Path(command[-1]).read_text())
            if self.number == self.fails_at:
                return subprocess.CompletedProcess(list(command), 1, "", "\x1b[31mNo cloud is enabled.\x1b[0m\n")
            if self.says_number:
                out = f"\n📋 Useful Commands\nManaged Job ID: {self.number}\n├── To cancel:\t\x1b[1msky jobs cancel\n"
            self.number += 1
        elif command[1:3] == ["jobs", "queue"]:
            out = "Fetching...\n" + json.dumps(self.queue, indent=2)
        return subprocess.CompletedProcess(list(command), 0, out, "")


@pytest.mark.parametrize(("name", "options"), [("kubernetes.yaml", VOLUME), ("cloud.yaml", BUCKET)])
def test_tasks_are_the_golden_ones(name: str, options: SkyOptions) -> None:
    text = SkyPilot(options).text(job())
    if os.environ.get("REPHASE_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_a_task_says_what_is_asked_for_and_which_run_it_is() -> None:
    told = yaml.safe_load(task_text(job(), job().tasks[1], VOLUME))
    assert told["name"] == "rephase-phase3-logged-baseline-4"
    assert told["resources"] == {
        "infra": "k8s/my-context",
        "image_id": f"docker:registry.example/rephase@{DIGEST}",
        "cpus": "16+",
        "memory": "450+",
        "accelerators": {"H100": 1},
        "use_spot": False,
    }
    assert told["volumes"] == {"/scratch/runs": "rephase-runs"}
    assert told["file_mounts"] == {"/scratch/clone/reproductions": "/scratch/clone/reproductions"}
    assert told["run"].endswith(
        "exec timeout --signal=TERM 57300 rephase run phase3 --scale logged --runs /scratch/runs --config baseline "
        "--index 4 --expect-run baseline/walker-stand/seed-123\n"
    )


@pytest.mark.parametrize("word", ["$(touch pwned)", "a b", "'; id", '"', "a: b", "#"])
def test_no_argument_breaks_out_of_a_task(word: str, tmp_path: Path) -> None:
    told = yaml.safe_load(task_text(job(arguments=("run", word)), JobTask(4, "a/b/seed-1"), VOLUME))
    (tmp_path / "rephase").write_text('#!/bin/sh\nprintf "%s\\0" "$@" > said\n')
    (tmp_path / "rephase").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["bash", "-c", told["run"]], cwd=tmp_path, env=environ, check=True)
    assert (tmp_path / "said").read_text().split("\0")[:2] == ["run", word]
    assert not (tmp_path / "pwned").exists()


def test_a_run_is_told_to_write_its_checkpoint_before_its_time_is_up(tmp_path: Path) -> None:
    told = yaml.safe_load(task_text(job(), job().tasks[0], VOLUME))
    (tmp_path / "rephase").write_text("#!/bin/bash\ntrap 'echo saved > saved; exit 143' TERM\nsleep 30 & wait\n")
    (tmp_path / "rephase").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    line = told["run"].replace("57300", "0.2")
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environ, check=False)
    assert done.returncode == 124
    assert (tmp_path / "saved").exists()


def test_launches_one_managed_job_a_run() -> None:
    sky = Sky()
    ticket = SkyPilot(VOLUME, sky).submit(job())
    assert ticket.jobs == ("7", "8")
    assert dict(ticket.tasks) == {0: "7", 4: "8"}
    assert ticket.logs[4] == "sky jobs logs 8"
    assert sky.said[0][:-1] == [
        "sky", "jobs", "launch", "--yes", "--detach-run", "--name", "rephase-phase3-logged-baseline-0",
    ]  # fmt: skip
    assert sky.given == [task_text(job(), task, VOLUME) for task in job().tasks]


def test_a_launch_that_fails_keeps_no_job() -> None:
    sky = Sky(fails_at=8)
    with pytest.raises(CannotRunHere) as caught:
        SkyPilot(VOLUME, sky).submit(job())
    assert str(caught.value) == (
        "SkyPilot: sky jobs launch ended with exit code 1: No cloud is enabled.; "
        "'sky check' says what this machine can reach"
    )
    assert sky.said[-1] == ["sky", "jobs", "cancel", "--yes", "7"]


def test_a_job_is_found_by_its_name_when_the_answer_does_not_say_it() -> None:
    name = "rephase-phase3-logged-baseline-0"
    queue = [{"job_id": 3, "job_name": name}, {"job_id": 9, "job_name": name}, {"job_id": 11, "job_name": "other"}]
    one = job(tasks=job().tasks[:1])
    assert SkyPilot(VOLUME, Sky(queue, says_number=False)).submit(one).jobs == ("9",)
    with pytest.raises(CannotRunHere, match="did not say which job it is"):
        SkyPilot(VOLUME, Sky(says_number=False)).submit(one)
    assert launched_job("nothing") == ""


def test_reads_the_queue_and_guesses_nothing() -> None:
    queue = [
        {"job_id": 1, "status": "PENDING"},
        {"job_id": 2, "status": "RECOVERING"},
        {"job_id": 3, "status": "FAILED", "failure_reason": "pod was OOMKilled"},
        {"job_id": 4, "status": "SUCCEEDED"},
        {"job_id": 5, "status": "SOMETHING_NEW"},
        {"job_id": None, "status": "PENDING"},
    ]
    told = SkyPilot(VOLUME, Sky(queue)).states(["1", "2", "3", "4", "5", "6"])
    assert {job: state.stage for job, state in told.items()} == {
        "1": Stage.WAITING,
        "2": Stage.RUNNING,
        "3": Stage.ENDED,
        "4": Stage.UNKNOWN,
        "5": Stage.UNKNOWN,
        "6": Stage.UNKNOWN,
    }
    assert told["3"].out_of_memory
    assert told["6"].reason == "sky jobs queue does not list it"
    assert "bring the volume or bucket here" in told["4"].reason
    with pytest.raises(CannotRunHere, match="printed no JSON"):
        parse_queue("oops")


@pytest.mark.parametrize(
    ("changes", "options", "problem"),
    [
        ({}, SkyOptions(), "names no place for runs; give --option volume=NAME on Kubernetes"),
        ({}, SkyOptions(volume="a", bucket="s3://b"), "names two places for runs"),
        (
            {"request": JobRequest(partition="", gpu="any", gpus=1, cpus=1, memory="4GB", time="1h", account="")},
            VOLUME,
            "SkyPilot needs the GPU's type",
        ),
        ({"throttle": 2}, VOLUME, "SkyPilot has no limit of runs at once; leave it out, and use --limit"),
        ({"tasks": ()}, VOLUME, "SkyPilot starts nothing after others"),
    ],
)
def test_says_what_skypilot_has_nothing_like(changes: dict[str, object], options: SkyOptions, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        SkyPilot(options).text(job(**changes))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bucket": "my-bucket"}, "bucket: 'my-bucket' is not a bucket such as s3://my-bucket/runs; write it as shown"),
        ({"volume": "A b"}, "volume: 'A b' is not a volume's name"),
        ({"disk_size": 1}, "disk_size: 1 is not a size in GB from 20 to 65536"),
        ({"use_spott": True}, "use_spott: unknown key; did you mean 'use_spot'?"),
    ],
)
def test_reads_options_strictly(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        structure(given, SkyOptions, "options")
    assert problem in str(caught.value)


def test_is_offered_and_says_when_there_is_no_skypilot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runner = build_runner(discover_runners().find("skypilot", ""), VOLUME)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRunHere, match="sky is not here; install SkyPilot"):
        runner.refusal(job())


@pytest.mark.skipif(not os.environ.get("REPHASE_TEST_SKY") and not shutil.which("sky"), reason="needs SkyPilot")
@pytest.mark.parametrize("name", ["kubernetes.yaml", "cloud.yaml"])
def test_skypilot_reads_the_golden_tasks(name: str, tmp_path: Path) -> None:
    """By its own strict reader, in its own Python: no cloud is asked."""
    python = Path(os.environ.get("REPHASE_TEST_SKY") or shutil.which("sky") or "").resolve().parent / "python"
    (tmp_path / "reproductions").mkdir()
    for number, text in enumerate((GOLDEN / name).read_text(encoding="utf-8").split("---\n")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text.replace("/scratch/clone/reproductions", str(tmp_path / "reproductions")))
    look = """
import sys, sky
for file in sys.argv[1:]:
    for one in sky.Task.from_yaml(file).resources:
        print(one.accelerators)
"""
    words = [str(python), "-c", look, *map(str, sorted(tmp_path.glob("*.yaml")))]
    done = subprocess.run(words, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("{'H100': 1}") == 2


def test_a_job_tells_its_processes_what_was_told_when_it_was_submitted() -> None:
    told = Container(f"registry.example/rephase@{DIGEST}", DIGEST, environment={"REPHASE_INPUTS": "/scratch"})
    task = yaml.safe_load(task_text(job(container=told), job().tasks[0], BUCKET))
    assert task["envs"]["REPHASE_INPUTS"] == "/scratch"
