from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from rephase.errors import UsageError
from rephase.manifest.hashing import file_digest
from rephase.runtime.containers import Bind, Container
from rephase.runtime.resources import JobRequest
from rephase.runtime.slurm import ArrayJob, ArrayTask, CheckJob, array_script, array_spec, check_script

GOLDEN = Path(__file__).parent / "golden"
DIGEST = "sha256:" + "ab" * 32
LOGGED = JobRequest("ice-gpu", "H100", 1, 16, "450GB", "16h", "coc")
RUNS = [
    f"baseline/{task}/seed-{seed}"
    for task in ("reacher-easy", "walker-stand", "cheetah-run")
    for seed in (42, 123, 456)
]


def container(image: str = "/scratch/images/rephase.sif") -> Container:
    return Container(Path(image), DIGEST, (Bind(Path("/scratch/clone")), Bind(Path("/scratch/runs"), writable=True)))


def array(**changes: object) -> ArrayJob:
    values = {
        "name": "rephase-phase3-logged-baseline",
        "title": "phase3 at scale logged, array baseline; written by rephase submit",
        "tasks": tuple(ArrayTask(index, run) for index, run in enumerate(RUNS)),
        "request": LOGGED,
        "container": container(),
        "arguments": ("run", "phase3", "--scale", "logged", "--config", "baseline"),
        "log_folder": Path("/scratch/runs/logs"),
        "throttle": 4,
    }
    return ArrayJob(**(values | changes))  # type: ignore[arg-type]


def check(**changes: object) -> CheckJob:
    values = {
        "name": "rephase-phase3-logged-check",
        "title": "check of phase3 at scale logged after all of its runs have ended",
        "request": JobRequest("ice-cpu", "", 1, 1, "4GB", "30m", "coc"),
        "container": container(),
        "arguments": ("check", "phase3", "--scale", "logged"),
        "log_folder": Path("/scratch/runs/logs"),
    }
    return CheckJob(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "text"), [("array.sh", array_script(array())), ("check.sh", check_script(check()))])
def test_scripts_are_the_golden_ones(name: str, text: str) -> None:
    golden = GOLDEN / name
    if os.environ.get("REPHASE_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_script_is_a_pure_function_of_the_job() -> None:
    assert array_script(array()) == array_script(array())


@pytest.mark.parametrize("name", ["array.sh", "check.sh"])
def test_the_golden_scripts_are_good_bash(name: str) -> None:
    subprocess.run(["bash", "-n", str(GOLDEN / name)], check=True)


@pytest.mark.parametrize(
    ("indices", "throttle", "spec"),
    [([0], None, "0"), (range(9), None, "0-8"), ([7, 0, 1, 2, 5, 5], 2, "0-2,5,7%2"), ([3, 4], 1, "3-4%1")],
)
def test_writes_indices_as_the_queue_reads_them(indices, throttle, spec) -> None:
    assert array_spec(indices, throttle) == spec


def test_a_job_without_gpu_asks_for_none() -> None:
    request = JobRequest("ice-cpu", "", 1, 2, "4GB", "10m", "")
    text = array_script(array(request=request))
    assert "--gres" not in text
    assert "--account" not in text


def test_a_short_job_is_warned_at_half_of_its_time() -> None:
    text = array_script(array(request=JobRequest("ice-cpu", "", 1, 2, "4GB", "4m", "")))
    assert "#SBATCH --signal=B:USR1@120\n" in text


HOSTILE = ["x\n#SBATCH --account=other", "x; touch pwned", "$(touch pwned)", "`touch pwned`", "x y", "'", '"', "", "-x"]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_name_can_break_out_of_the_script(value: str) -> None:
    with pytest.raises(UsageError):
        array(name=value)
    with pytest.raises(UsageError):
        JobRequest(value, "H100", 1, 16, "450GB", "16h", "coc")
    if value:
        with pytest.raises(UsageError):
            JobRequest("ice-gpu", value, 1, 16, "450GB", "16h", "coc")
        with pytest.raises(UsageError):
            JobRequest("ice-gpu", "H100", 1, 16, "450GB", "16h", value)
    with pytest.raises(UsageError):
        JobRequest("ice-gpu", "H100", 1, 16, value, "16h", "coc")
    with pytest.raises(UsageError):
        JobRequest("ice-gpu", "H100", 1, 16, "450GB", value, "coc")


@pytest.mark.parametrize("value", ["a\nb", "$(id)", "a;b", "`id`", "a'b", ""])
def test_no_run_label_can_break_out_of_the_script(value: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in a job script; use plain names for runs"):
        ArrayTask(0, value)


def test_no_title_can_break_out_of_its_comment() -> None:
    with pytest.raises(UsageError, match="is not one line of plain text"):
        array(title="a\ntouch pwned")


@pytest.mark.parametrize("folder", ["/runs/%x", "/my runs", "runs", "/runs\n", "/runs'"])
def test_refuses_a_log_folder_that_the_queue_would_misread(folder: str) -> None:
    with pytest.raises(UsageError, match="SLURM cannot write its output to"):
        array(log_folder=Path(folder))


@pytest.mark.parametrize("word", ["$(touch pwned)", "a b", "`id`", "';id;'", '"', "\\", "*"])
def test_arguments_and_images_reach_the_program_as_they_are(word: str, tmp_path: Path) -> None:
    """Run the script with a stand-in for apptainer that writes down its arguments."""
    image = tmp_path / f"an {word.replace('/', '')} image.sif"
    image.write_bytes(b"image")
    digest = file_digest(image)
    told = tmp_path / "told"
    stand_in(tmp_path / "apptainer", f'printf "%s\\0" "$@" > {shlex.quote(str(told))}')
    stand_in(tmp_path / "nvidia-smi", "exit 9")
    job = array(arguments=("run", word), container=Container(image, digest))
    done = run_script(array_script(job), tmp_path)
    assert done.returncode == 0, done.stderr
    words = told.read_text().split("\0")[:-1]
    assert words[-7:] == [str(image), "run", word, "--index", "4", "--expect-run", RUNS[4]]
    assert "--nv" not in words
    assert not (tmp_path / "pwned").exists()


def test_the_gpu_is_handed_in_only_where_there_is_one(tmp_path: Path) -> None:
    told = tmp_path / "told"
    stand_in(tmp_path / "apptainer", f"echo $@ > {told}")
    stand_in(tmp_path / "nvidia-smi", "exit 0")
    assert run_script(array_script(array(container=real_container(tmp_path))), tmp_path).returncode == 0
    assert told.read_text().startswith("run --nv --cleanenv --no-home")


def test_refuses_an_image_that_is_not_the_submitted_one(tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", "echo started")
    image = tmp_path / "rephase.sif"
    image.write_bytes(b"another")
    done = run_script(array_script(array(container=Container(image, DIGEST))), tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert f"rephase: {image} is missing or is not the image that was submitted ({DIGEST})" in done.stderr


@pytest.mark.parametrize(
    ("code", "restarts", "requeued"),
    [(0, 0, False), (1, 0, False), (3, 0, False), (137, 0, True), (137, 2, True), (137, 3, False), (130, 0, False)],
)
def test_puts_back_what_was_killed_and_not_what_failed(code, restarts, requeued, tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", f"exit {code}")
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(array_script(array(container=real_container(tmp_path))), tmp_path, SLURM_RESTART_COUNT=restarts)
    assert done.returncode == code
    assert (tmp_path / "requeued").exists() is requeued
    if requeued:
        assert (tmp_path / "requeued").read_text() == "requeue 70_4\n"


def test_near_the_end_of_its_time_a_run_is_stopped_with_a_checkpoint_and_put_back(tmp_path: Path) -> None:
    body = f"""trap 'sleep 0.2; echo saved > {tmp_path}/saved; exit 130' TERM
kill -USR1 $PPID
for i in $(seq 100); do sleep 0.1; done"""
    stand_in(tmp_path / "apptainer", body)
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(array_script(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 130
    assert (tmp_path / "saved").read_text() == "saved\n"
    assert (tmp_path / "requeued").read_text() == "requeue 70_4\n"


def test_a_cancelled_run_gets_one_signal_only_and_is_waited_for(tmp_path: Path) -> None:
    body = f"""trap 'echo twice >> {tmp_path}/told' TERM
kill -TERM $PPID
sleep 0.5; echo saved > {tmp_path}/saved; exit 130"""
    stand_in(tmp_path / "apptainer", body)
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(array_script(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 130
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "told").exists()
    assert not (tmp_path / "requeued").exists()


def test_tells_the_container_the_queues_variables_and_nothing_else(tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", f"env > {tmp_path}/env")
    text = array_script(array(container=real_container(tmp_path)))
    assert run_script(text, tmp_path, CUDA_VISIBLE_DEVICES="0,1", OTHER="x").returncode == 0
    told = {line for line in (tmp_path / "env").read_text().splitlines() if line.startswith("APPTAINERENV_")}
    digest = real_container(tmp_path).digest
    assert told == {
        f"APPTAINERENV_REPHASE_IMAGE_DIGEST={digest}",
        "APPTAINERENV_PYTHONNOUSERSITE=1",
        "APPTAINERENV_PYTHONUNBUFFERED=1",
        "APPTAINERENV_CUDA_VISIBLE_DEVICES=0,1",
        "APPTAINERENV_SLURM_ARRAY_JOB_ID=70",
        "APPTAINERENV_SLURM_ARRAY_TASK_ID=4",
        "APPTAINERENV_SLURM_JOB_ID=77",
    }


def test_refuses_an_array_of_nothing_and_a_throttle_of_nothing() -> None:
    with pytest.raises(UsageError, match="there is no run to submit"):
        array(tasks=())
    with pytest.raises(UsageError, match="--throttle: 0 is not a number of tasks from 1 to 10000"):
        array(throttle=0)


def stand_in(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def real_container(folder: Path) -> Container:
    image = folder / "rephase.sif"
    image.write_bytes(b"image")
    return Container(image, "sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d")


def run_script(text: str, folder: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "SLURM_ARRAY_JOB_ID": "70",
        "SLURM_ARRAY_TASK_ID": "4",
        "SLURM_JOB_ID": "77",
    }
    environ |= {name: str(value) for name, value in variables.items()}
    return subprocess.run(
        ["bash", "-s"], input=text, env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
