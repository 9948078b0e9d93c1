from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from rephase_slurm.options import SlurmOptions
from rephase_slurm.scripts import array_spec, script

from rephase.errors import ManifestError, UsageError
from rephase.manifest.hashing import file_digest
from rephase.manifest.reading import structure
from rephase.protocols import Bind, Container, Job, JobRequest, JobTask

GOLDEN = Path(__file__).parent / "golden"
DIGEST = "sha256:" + "ab" * 32
LOGGED = JobRequest(partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account="coc")
RUNS = [
    f"baseline/{task}/seed-{seed}"
    for task in ("reacher-easy", "walker-stand", "cheetah-run")
    for seed in (42, 123, 456)
]


def container(image: str = "/scratch/images/rephase.sif") -> Container:
    return Container(image, DIGEST, (Bind(Path("/scratch/clone")), Bind(Path("/scratch/runs"), writable=True)))


def array(**changes: object) -> Job:
    values = {
        "name": "rephase-phase3-logged-baseline",
        "title": "phase3 at scale logged, array baseline; written by rephase submit",
        "tasks": tuple(JobTask(index, run) for index, run in enumerate(RUNS)),
        "request": LOGGED,
        "container": container(),
        "arguments": ("run", "phase3", "--scale", "logged", "--config", "baseline"),
        "log_folder": Path("/scratch/runs/logs"),
        "throttle": 4,
    }
    return Job(**(values | changes))  # type: ignore[arg-type]


def check(**changes: object) -> Job:
    values = {
        "name": "rephase-phase3-logged-check",
        "title": "check of phase3 at scale logged after all of its runs have ended",
        "request": JobRequest(partition="ice-cpu", gpu="", gpus=1, cpus=1, memory="4GB", time="30m", account="coc"),
        "container": container(),
        "arguments": ("check", "phase3", "--scale", "logged"),
        "log_folder": Path("/scratch/runs/logs"),
    }
    return Job(**(values | changes))  # type: ignore[arg-type]


def script_of(job: Job, **options: object) -> str:
    return script(job, SlurmOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "text"), [("array.sh", script_of(array())), ("check.sh", script_of(check()))])
def test_scripts_are_the_golden_ones(name: str, text: str) -> None:
    golden = GOLDEN / name
    if os.environ.get("REPHASE_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_script_is_a_pure_function_of_the_job() -> None:
    assert script_of(array()) == script_of(array())


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
    request = JobRequest(partition="ice-cpu", gpu="", gpus=1, cpus=2, memory="4GB", time="10m", account="")
    text = script_of(array(request=request))
    assert "--gres" not in text
    assert "--account" not in text


def test_a_short_job_is_warned_at_half_of_its_time() -> None:
    text = script_of(
        array(request=JobRequest(partition="ice-cpu", gpu="", gpus=1, cpus=2, memory="4GB", time="4m", account=""))
    )
    assert "#SBATCH --signal=B:USR1@120\n" in text


HOSTILE = ["x\n#SBATCH --account=other", "x; touch pwned", "$(touch pwned)", "`touch pwned`", "x y", "'", '"', "", "-x"]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_name_can_break_out_of_the_script(value: str) -> None:
    with pytest.raises(UsageError):
        array(name=value)
    if value:
        with pytest.raises(UsageError):
            JobRequest(partition=value, gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account="coc")
        with pytest.raises(UsageError):
            JobRequest(partition="ice-gpu", gpu=value, gpus=1, cpus=16, memory="450GB", time="16h", account="coc")
        with pytest.raises(UsageError):
            JobRequest(partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account=value)
    with pytest.raises(UsageError):
        JobRequest(partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory=value, time="16h", account="coc")
    with pytest.raises(UsageError):
        JobRequest(partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory="450GB", time=value, account="coc")


@pytest.mark.parametrize("value", ["a\nb", "$(id)", "a;b", "`id`", "a'b", ""])
def test_no_run_label_can_break_out_of_the_script(value: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in a job; use plain names for runs"):
        JobTask(0, value)


def test_no_title_can_break_out_of_its_comment() -> None:
    with pytest.raises(UsageError, match="is not one line of plain text"):
        array(title="a\ntouch pwned")


@pytest.mark.parametrize("folder", ["/runs/%x", "/my runs", "runs", "/runs\n", "/runs'"])
def test_refuses_a_log_folder_that_the_queue_would_misread(folder: str) -> None:
    with pytest.raises(UsageError, match="SLURM cannot write its output to"):
        script_of(array(log_folder=Path(folder)))


@pytest.mark.parametrize("word", ["$(touch pwned)", "a b", "`id`", "';id;'", '"', "\\", "*"])
def test_arguments_and_images_reach_the_program_as_they_are(word: str, tmp_path: Path) -> None:
    """Run the script with a stand-in for apptainer that writes down its arguments."""
    image = tmp_path / f"an {word.replace('/', '')} image.sif"
    image.write_bytes(b"image")
    digest = file_digest(image)
    told = tmp_path / "told"
    stand_in(tmp_path / "apptainer", f'printf "%s\\0" "$@" > {shlex.quote(str(told))}')
    stand_in(tmp_path / "nvidia-smi", "exit 9")
    job = array(arguments=("run", word), container=Container(str(image), digest))
    done = run_script(script_of(job), tmp_path)
    assert done.returncode == 0, done.stderr
    words = told.read_text().split("\0")[:-1]
    assert words[-7:] == [str(image), "run", word, "--index", "4", "--expect-run", RUNS[4]]
    assert "--nv" not in words
    assert not (tmp_path / "pwned").exists()


def test_the_gpu_is_handed_in_only_where_there_is_one(tmp_path: Path) -> None:
    told = tmp_path / "told"
    stand_in(tmp_path / "apptainer", f"echo $@ > {told}")
    stand_in(tmp_path / "nvidia-smi", "exit 0")
    assert run_script(script_of(array(container=real_container(tmp_path))), tmp_path).returncode == 0
    assert told.read_text().startswith("run --nv --cleanenv --no-home")


def test_refuses_an_image_that_is_not_the_submitted_one(tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", "echo started")
    image = tmp_path / "rephase.sif"
    image.write_bytes(b"another")
    done = run_script(script_of(array(container=Container(str(image), DIGEST))), tmp_path)
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
    done = run_script(script_of(array(container=real_container(tmp_path))), tmp_path, SLURM_RESTART_COUNT=restarts)
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
    done = run_script(script_of(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 130
    assert (tmp_path / "saved").read_text() == "saved\n"
    assert (tmp_path / "requeued").read_text() == "requeue 70_4\n"


def test_a_cancelled_run_gets_one_signal_only_and_is_waited_for(tmp_path: Path) -> None:
    body = f"""trap 'echo twice >> {tmp_path}/told' TERM
kill -TERM $PPID
sleep 0.5; echo saved > {tmp_path}/saved; exit 130"""
    stand_in(tmp_path / "apptainer", body)
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(script_of(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 130
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "told").exists()
    assert not (tmp_path / "requeued").exists()


def test_tells_the_container_the_queues_variables_and_nothing_else(tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", f"env > {tmp_path}/env")
    text = script_of(array(container=real_container(tmp_path)))
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


def test_refuses_a_throttle_of_nothing_and_a_job_without_partition() -> None:
    with pytest.raises(UsageError, match="--throttle: 0 is not a number of tasks from 1 to 10000"):
        array(throttle=0)
    with pytest.raises(UsageError, match="names no partition; give --partition"):
        script_of(
            array(
                request=JobRequest(partition="", gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account="coc")
            )
        )


@pytest.mark.parametrize(
    ("gpu", "way", "line"),
    [
        ("any", "gres", "--gres=gpu:2"),
        ("H100", "gpus", "--gpus=H100:2"),
        ("any", "gpus", "--gpus=2"),
        ("any", "gpus-per-node", "--gpus-per-node=2"),
    ],
)
def test_asks_for_gpus_the_way_a_site_wants(gpu: str, way: str, line: str) -> None:
    text = script_of(
        array(request=JobRequest(partition="ice", gpu=gpu, gpus=2, cpus=1, memory="4GB", time="1h", account="")),
        gpus_as=way,
    )
    assert [one for one in text.splitlines() if "gres" in one or "--gpus" in one] == [f"#SBATCH {line}"]


def test_a_list_of_partitions_is_one_line() -> None:
    text = script_of(
        array(
            request=JobRequest(
                partition="ice-gpu,coc-gpu", gpu="H100", gpus=1, cpus=1, memory="4GB", time="1h", account=""
            )
        )
    )
    assert "#SBATCH --partition=ice-gpu,coc-gpu\n" in text


def test_a_site_says_what_it_wants_besides() -> None:
    wanted = {
        "qos": "long",
        "constraint": "h100|h200",
        "exclude": "n[1-3]",
        "reservation": "class",
        "check_qos": "short",
    }
    sbatch = {"mail-type": "END", "exclusive": "", "nodelist": "n7"}
    lines = [line for line in script_of(array(), **wanted, sbatch=sbatch).splitlines() if "SBATCH" in line]
    assert lines[8:16] == [
        "#SBATCH --gres=gpu:H100:1",
        "#SBATCH --qos=long",
        "#SBATCH --reservation=class",
        "#SBATCH --constraint=h100|h200",
        "#SBATCH --exclude=n[1-3]",
        "#SBATCH --exclusive",
        "#SBATCH --mail-type=END",
        "#SBATCH --nodelist=n7",
    ]
    told = script_of(check(), **wanted, sbatch=sbatch)
    assert "--qos=short" in told
    assert "--mail-type=END" in told
    assert not any(word in told for word in ("constraint", "exclude", "exclusive", "nodelist"))


@pytest.mark.parametrize(
    ("given", "problem", "remedy"),
    [
        ({"qos": "a b"}, "options.qos: 'a b' cannot stand in a job script", "leave out spaces, quotes and backslashes"),
        ({"qoss": "a"}, "options.qoss: unknown key", "did you mean 'qos'?"),
        ({"gpus_as": "x"}, "options.gpus_as: 'x' is no way to ask for GPUs", "known: gres, gpus, gpus-per-node"),
        ({"sbatch": {"mail-typ": "END"}}, "sbatch has no option 'mail-typ' that is taken here", "'mail-type'?"),
        ({"sbatch": {"mem": "1G"}}, "options.sbatch: 'mem' is not taken from here", "use --memory"),
        (
            {"sbatch": {"export": "ALL"}},
            "options.sbatch: 'export' is not taken",
            "rephase sets it, and jobs rely on it",
        ),
        ({"sbatch": {"comment": "x\n#SBATCH --uid=0"}}, "cannot stand in a job script", "leave out spaces"),
        ({"sbatch": {"comment": "$(id)"}}, "cannot stand in a job script", "leave out spaces"),
    ],
)
def test_reads_options_strictly(given: dict[str, object], problem: str, remedy: str) -> None:
    with pytest.raises(ManifestError) as caught:
        structure(given, SlurmOptions, "sites.toml", "options")
    assert problem in str(caught.value)
    assert remedy in str(caught.value)


def test_a_container_that_cannot_start_is_not_put_back(tmp_path: Path) -> None:
    stand_in(tmp_path / "apptainer", "echo FATAL: no image >&2; exit 255")
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(script_of(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 255
    assert done.stderr == (
        "FATAL: no image\nrephase: the container could not be started (exit code 255); the lines above say why\n"
    )
    assert not (tmp_path / "requeued").exists()


@pytest.mark.parametrize(("number", "requeued"), [("USR1", True), ("TERM", False)])
def test_a_signal_while_the_image_is_read_ends_the_task_and_starts_nothing(number, requeued, tmp_path: Path) -> None:
    stand_in(tmp_path / "sha256sum", f"kill -{number} $PPID; sleep 0.5")
    stand_in(tmp_path / "apptainer", f"touch {tmp_path}/started")
    stand_in(tmp_path / "scontrol", f"echo $@ > {tmp_path}/requeued")
    done = run_script(script_of(array(container=real_container(tmp_path))), tmp_path)
    assert done.returncode == 143
    assert not (tmp_path / "started").exists()
    assert (tmp_path / "requeued").exists() is requeued


def test_listens_for_signals_before_it_does_anything(tmp_path: Path) -> None:
    lines = [line for line in script_of(array()).splitlines() if line and not line.startswith("#")]
    assert [line.split()[0] for line in lines[:4]] == ["asked=", "payload=", "trap", "trap"]


def stand_in(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def real_container(folder: Path) -> Container:
    image = folder / "rephase.sif"
    image.write_bytes(b"image")
    return Container(str(image), "sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d")


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


def test_a_job_tells_its_container_what_was_told_when_it_was_submitted() -> None:
    told = Container("/scratch/images/rephase.sif", DIGEST, environment={"REPHASE_INPUTS": "/scratch/my inputs"})
    assert "export APPTAINERENV_REPHASE_INPUTS='/scratch/my inputs'\n" in script_of(array(container=told))
