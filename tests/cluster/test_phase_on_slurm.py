"""A phase through a real queue and a real image: arrays, check, requeue, cancel, kill, and the same numbers after it.

Needs what `nox -s cluster` sets up; without it these tests are skipped. The phase is a miniature with the embedded
scale's protocol, so that all of it takes minutes on two cores.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.projects import make_project
from rephase_slurm.containers import container_environment, run_command

from rephase.manifest import Run
from rephase.manifest.record import Record
from rephase.protocols import Bind, Container
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import State, Store
from rephase.reproduction.submissions import read_submissions
from rephase.runtime.apptainer import inspect_image, read_digest

IMAGE = os.environ.get("REPHASE_TEST_IMAGE", "")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not IMAGE, reason="needs real Apptainer and SLURM: nox -s cluster sets them up"),
    pytest.mark.timeout(900),
]
REPHASE = (sys.executable, "-m", "rephase")
LOGGED = ("--partition", "ice-gpu", "--gpu", "H100", "--cpus", "16", "--memory", "450GB", "--account", "coc")
SMALL = ("--partition", "ice-gpu", "--gpu", "H100", "--cpus", "2", "--memory", "10GB", "--account", "coc")
OPTIONS = ("--run-options", "--threads 1 --checkpoint-seconds 0.2")
PATIENCE = 420.0
SITE = """
[sites.test]
partition = "ice-gpu,coc-gpu"
gpu = "any"
cpus = 2
memory = "10GB"
account = "coc"

[sites.test.options]
qos = "normal"

[sites.test.options.sbatch]
comment = "ours"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    make_project(folder / "project", tasks=("reacher-easy",), epochs=int(os.environ.get("REPHASE_TEST_EPOCHS", "300")))
    return folder


def rephase(place: Path, command: str, runs: str, *words: str, code: int = 0, path: str = "") -> str:
    """Run one command about the miniature phase and return what it printed."""
    environment = {**os.environ, "REPHASE_SITES": str(place / "sites.toml"), **({"PATH": path} if path else {})}
    line = [*REPHASE, command, "phase3", "--scale", "embedded", "--project", str(place / "project"),
            "--runs", str(place / runs), *words]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def submit(place: Path, runs: str, *words: str, path: str = "", image: str = IMAGE) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        rephase(place, "submit", runs, "--image", image, "--time", "30m", "--json", *words, path=path)
    )
    return told


def store_of(place: Path, runs: str) -> Store:
    return Store(place / runs, open_phase("phase3", "embedded", place / "project"))


def wait_for(store: Store, what: str, is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > end:
            logs = "\n".join(f"== {log.name}\n{log.read_text()[-2000:]}" for log in store.folder.glob("logs/*"))
            queue = subprocess.run(["squeue"], capture_output=True, text=True, check=False).stdout
            pytest.fail(f"{what} did not happen within {patience:.0f} s\n{queue}\n{store.summary()}\n{logs}")
        time.sleep(0.3)


def wait_for_the_check(store: Store) -> str:
    """Wait until the dependent check has ended and return what it printed."""
    check = read_submissions(store)[-1].check
    log = store.folder / "logs" / f"rephase-{store.phase.name}-check-{check}.log"

    def ended() -> bool:
        listed = subprocess.run(["squeue", "-h", "-j", check], capture_output=True, text=True, check=False)
        return not listed.stdout.strip() and log.exists()

    wait_for(store, "the check", ended)
    return log.read_text()


def numbers(records: tuple[Record, ...]) -> dict[str, tuple[object, ...]]:
    """What must not depend on what happened on the way."""
    return {one.run.label: (one.policy_sha256, one.episode_returns, one.metrics, one.curve) for one in records}


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> Store:
    """The whole phase as array jobs with the log's own resources, nothing disturbed."""
    told = submit(place, "undisturbed", *LOGGED, *OPTIONS)
    assert set(told["arrays"]) == {"baseline", "flowpolicy"}
    assert len(told["jobs"]) == 4
    again = submit(place, "undisturbed", *LOGGED, *OPTIONS)
    assert again["jobs"] == {}, "submitting twice must not run twice"
    store = store_of(place, "undisturbed")
    wait_for_the_check(store)
    rephase(place, "record", "undisturbed")  # what the other phase is judged against
    return store


def test_the_image_says_what_it_is() -> None:
    image = inspect_image(Path(IMAGE))
    assert image.digest == read_digest(Path(IMAGE))
    assert image.labels["rephase.accelerator"] == "cpu"
    assert "%runscript" in image.definition


def test_the_image_brings_the_phases_along(tmp_path: Path) -> None:
    words = ["apptainer", "run", "--cleanenv", "--no-home", str(Path(IMAGE).resolve())]
    done = subprocess.run([*words, "show", "phase3"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "phase3 at the embedded scale" in done.stdout
    done = subprocess.run(
        [*words, "show", "phase3", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)


def test_a_container_sees_what_it_is_told_and_nothing_else(tmp_path: Path) -> None:
    inputs, outputs = tmp_path / "inputs", tmp_path / "outputs"
    inputs.mkdir()
    outputs.mkdir()
    container = Container(
        str(Path(IMAGE).resolve()), read_digest(Path(IMAGE)), (Bind(inputs), Bind(outputs, writable=True))
    )
    look = f"""
import json, os, site
from pathlib import Path
def can_write(folder):
    try: Path(folder, "x").write_text("x")
    except OSError: return False
    return True
print(json.dumps([can_write("{inputs}"), can_write("{outputs}"), site.ENABLE_USER_SITE, os.environ.get("SECRET"),
    os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("REPHASE_IMAGE_DIGEST"), os.getcwd()]))
"""
    words = list(run_command(container, ["/opt/venv/bin/python", "-c", look]))
    words[1] = "exec"
    environ = container_environment(container, {**os.environ, "SECRET": "x", "CUDA_VISIBLE_DEVICES": "0,1"})
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, True, False, None, "0,1", container.digest, "/"]


def test_a_phase_completes_and_its_records_say_where_they_come_from(place: Path, undisturbed: Store) -> None:
    records = undisturbed.records()
    assert len(records) == 4
    digest = read_digest(Path(IMAGE))
    jobs = read_submissions(undisturbed)[-1].jobs
    for record in records:
        machine = record.provenance["machine"]
        assert machine["image"] == digest
        assert machine["container"]
        assert record.provenance["job"] == jobs[record.run.label]
        assert machine["slurm"]["partition"] == "ice-gpu"
    lock = undisturbed.lock()
    assert lock is not None
    assert lock.image == digest
    rows = json.loads(rephase(place, "status", "undisturbed", "--json"))
    assert {row["state"] for row in rows} == {"COMPLETED"}


def test_requeue_kill_cancel_and_end_of_time_change_no_number_and_the_check_prints_the_verdict(
    place: Path, undisturbed: Store
) -> None:
    told = submit(place, "disturbed", *SMALL, *OPTIONS)
    store = store_of(place, "disturbed")
    requeued, killed, cancelled, timed_out = (
        Run(config, "reacher-easy", seed) for config in ("baseline", "flowpolicy") for seed in (1, 2)
    )
    disturb = {
        requeued: lambda job: command("scontrol", "requeue", job),
        killed: lambda job: kill_payload(store, killed),
        cancelled: lambda job: command("scancel", job),
        timed_out: lambda job: command("scancel", "--batch", "--signal=USR1", job),
    }

    def disturb_those_that_train() -> bool:
        # Each as soon as it has a checkpoint: on a busy machine one is done before another has begun.
        for run in [run for run in disturb if store.cohort_path([run]).exists()]:
            disturb.pop(run)(told["jobs"][run.label])
            assert not store.is_completed(run), "the disturbance came too late to show anything"
        return not disturb

    wait_for(store, "a checkpoint of every run", disturb_those_that_train)
    wait_for(
        store, "the end of the three that go on", lambda: all(map(store.is_completed, (requeued, killed, timed_out)))
    )
    wait_for_the_check(store)

    rows = {row["seed"]: row for row in json.loads(rephase(place, "status", "disturbed", "--json"))
            if row["config"] == "flowpolicy"}  # fmt: skip
    assert rows[1]["state"] == State.FAILED
    assert "ended CANCELLED" in rows[1]["reason"]
    again = submit(place, "disturbed", *SMALL, *OPTIONS)
    assert list(again["jobs"]) == [cancelled.label]
    told_by_check = wait_for_the_check(store)
    assert re.search("^EXACT: phase3 at the embedded scale", told_by_check, re.MULTILINE), told_by_check

    records = store.records()
    assert numbers(records) == numbers(undisturbed.records())
    assert all(record.attempt > 1 for record in records)
    assert all(record.resumed for record in records)


def test_an_untyped_gpu_a_list_of_partitions_and_a_site_are_taken_and_end(place: Path, undisturbed: Store) -> None:
    """One run by what a profile says; the array is a subset, and no check follows."""
    (place / "sites.toml").write_text(SITE)
    told = submit(place, "untyped", *OPTIONS, "--site", "test", "--config", "baseline", "--limit", "1", "--no-check")
    assert len(told["jobs"]) == 1
    assert "#SBATCH --gres=gpu:1\n" in told["scripts"]["baseline"]
    assert "#SBATCH --partition=ice-gpu,coc-gpu\n" in told["scripts"]["baseline"]
    assert "#SBATCH --comment=ours\n" in told["scripts"]["baseline"]
    store = store_of(place, "untyped")
    [label] = told["jobs"]
    wait_for(store, "its end", lambda: any(record.run.label == label for record in store.records()))
    assert numbers(store.records())[label] == numbers(undisturbed.records())[label]


def test_a_federation_answer_keeps_its_cluster(place: Path, undisturbed: Store) -> None:
    """The real queue behind an sbatch that answers as a federation does: every later call names the cluster."""
    shims = place / "federation"
    shims.mkdir()
    log = shims / "said"
    for name in ("sbatch", "squeue", "scontrol", "scancel", "sacct"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        answer = '| sed "s/^\\([0-9][0-9]*\\)$/\\1;slurmtest/"' if name == "sbatch" else ""
        (shims / name).write_text(f'#!/bin/bash\nset -o pipefail\necho {name} "$@" >> {log}\n{real} "$@" {answer}\n')
        (shims / name).chmod(0o755)
    path = f"{shims}:{os.environ['PATH']}"
    told = submit(place, "federated", *SMALL, *OPTIONS, "--config", "baseline", "--limit", "1", path=path)
    [label] = told["jobs"]
    assert re.fullmatch(r"[0-9]+_0;slurmtest", told["jobs"][label])
    store = store_of(place, "federated")
    wait_for(store, "its end", lambda: any(record.run.label == label for record in store.records()))
    rephase(place, "status", "federated", path=path)
    rephase(place, "cancel", "federated", path=path)
    said = log.read_text()
    for words in ("scontrol -M slurmtest release ", "sbatch --parsable -M slurmtest --dependency=afterany:"):
        assert words in said
    assert numbers(store.records())[label] == numbers(undisturbed.records())[label]


def test_cancel_ends_what_waits_and_runs(place: Path, undisturbed: Store) -> None:
    told = submit(place, "ended", *SMALL, *OPTIONS, "--throttle", "1")
    done = json.loads(rephase(place, "cancel", "ended", "--json"))
    assert done["unknown"] == {}
    assert len(done["checks"]) == 1
    store = store_of(place, "ended")

    def gone() -> bool:
        jobs = ",".join(sorted({job.split("_")[0] for job in told["jobs"].values()}))
        listed = subprocess.run(["squeue", "-h", "-j", jobs], capture_output=True, text=True, check=False)
        return not listed.stdout.strip()

    wait_for(store, "the end of all jobs", gone)
    rows = json.loads(rephase(place, "status", "ended", "--json"))
    assert {row["state"] for row in rows} <= {"FAILED", "COMPLETED", "QUEUED"}
    assert json.loads(rephase(place, "cancel", "ended", "--json"))["cancelled"] == {}


def test_a_refused_start_names_its_log(place: Path, undisturbed: Store) -> None:
    """The image is replaced while its job waits: the task refuses, and the status says where that is written."""
    image = place / "replaced.sif"
    image.write_bytes(b"an image")
    told = submit(place, "refused", *SMALL, "--config", "baseline", "--limit", "1", "--no-check", "--sbatch",
                  "begin=now+8", image=str(image))  # fmt: skip
    image.write_bytes(b"another image")
    assert len(told["jobs"]) == 1
    store = store_of(place, "refused")

    def failed() -> bool:
        rows = json.loads(rephase(place, "status", "refused", "--json"))
        return any(row["state"] == "FAILED" for row in rows)

    wait_for(store, "its end", failed)
    [row] = [row for row in json.loads(rephase(place, "status", "refused", "--json")) if row["state"] == "FAILED"]
    assert re.search(r"job [0-9]+_0 ended FAILED.* without a record; see ", row["reason"])
    log = Path(row["reason"].rpartition("see ")[2])
    assert "is missing or is not the image that was submitted" in log.read_text()


@pytest.fixture
def other(place: Path, tmp_path: Path) -> Path:
    """A project of its own with the same phase, for a test that edits the manifest."""
    shutil.copytree(place / "project", tmp_path / "project")
    return tmp_path


def edit(other: Path) -> None:
    path = other / "project/reproductions/phase3/embedded.toml"
    path.write_text(path.read_text().replace("horizon = 2", "horizon = 3"))


def wait_for_the_log(store: Store, words: str) -> None:
    def said() -> bool:
        return any(words in log.read_text() for log in store.folder.glob("logs/*"))

    wait_for(store, repr(words), said)


def test_an_edited_manifest_refuses_the_tasks_that_wait(place: Path, other: Path) -> None:
    submit(other, "edited", *SMALL, "--config", "baseline", "--limit", "1", "--no-check", "--sbatch", "begin=now+8")
    store = store_of(other, "edited")
    submitted = store.phase.digest
    edit(other)
    now = store_of(other, "edited").phase.digest
    assert now != submitted
    wait_for_the_log(store, f"the manifest is {now}, submitted was {submitted}; nothing was run")
    assert not list((other / "edited").rglob("record.json"))
    assert not list((other / "edited").rglob("state.safetensors"))


def in_the_image(place: Path, runs: str, *words: str, dies_between_records: bool = False) -> None:
    """Run the phase's baseline in the image and outside the queue, where its two seeds are trained as one group."""
    (place / runs).mkdir()
    container = Container(
        str(Path(IMAGE).resolve()),
        read_digest(Path(IMAGE)),
        (Bind(place / "project"), Bind(place / runs, writable=True)),
    )
    arguments = ["run", "phase3", "--project", f"{place}/project", "--runs", f"{place}/{runs}", "--config", "baseline"]
    arguments += ["--threads", "1", "--jobs", "1", *words]
    dying = f"""
import os, signal, sys
from rephase.cli.main import main
from rephase.reproduction.storing import Store
keep, written = Store.write_record, []
def write_one(store, record):
    if written:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(record.run)
    keep(store, record)
Store.write_record = write_one
sys.exit(main({arguments!r}))
"""
    line = list(run_command(container, ["/opt/venv/bin/python", "-c", dying] if dies_between_records else arguments))
    if dies_between_records:
        line[1] = "exec"
    environ = container_environment(container, os.environ)
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, timeout=600)
    expected = {137, -signal.SIGKILL} if dies_between_records else {0}
    assert done.returncode in expected, done.stdout + done.stderr


def test_a_group_killed_between_two_records_is_finished_by_the_queue_and_a_foreign_state_is_refused(
    place: Path, other: Path
) -> None:
    in_the_image(other, "whole")
    in_the_image(other, "torn", dies_between_records=True)
    store = store_of(other, "torn")
    assert len(store.records()) == 1
    group = store.phase.select(config="baseline")
    state = store.cohort_path(group)
    kept = other / "state"
    shutil.copytree(state.parent, kept)

    told = submit(other, "torn", *SMALL, *OPTIONS, "--config", "baseline", "--no-check")
    assert len(told["jobs"]) == 1
    wait_for(store, "the group's other record", lambda: len(store.records()) == 2)
    assert numbers(store.records()) == numbers(store_of(other, "whole").records())

    edit(other)
    store = store_of(other, "foreign")
    own = store.cohort_path(group[:1])
    shutil.copytree(kept, own.parent)
    told = submit(other, "foreign", *SMALL, *OPTIONS, "--config", "baseline", "--limit", "1", "--no-check")
    wait_for_the_log(store, f"begin again with: rm {own}")
    assert not list((other / "foreign").rglob("record.json"))


def test_a_task_of_one_minute_is_told_in_time_and_goes_on(place: Path, undisturbed: Store) -> None:
    """The time is up before the run can be done, perhaps before the image is read: no task dies without a word."""
    told = submit(
        place, "short", *SMALL, *OPTIONS, "--config", "baseline", "--limit", "1", "--no-check", "--time", "1m"
    )
    [label] = told["jobs"]
    store = store_of(place, "short")

    def is_done() -> bool:
        return any(record.run.label == label for record in store.records())

    wait_for(store, "its end", lambda: is_done() or any(map(_went_back, store.folder.glob("logs/*"))))
    if is_done():
        assert numbers(store.records())[label] == numbers(undisturbed.records())[label]


def _went_back(log: Path) -> bool:
    return "back into the queue, the run goes on from its checkpoint" in log.read_text()


def command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def kill_payload(store: Store, run: Run) -> None:
    """kill -9 the process that runs a run, after making sure it is that."""
    state = store.state_of(run)
    assert state is not None
    line = Path(f"/proc/{state.process}/cmdline").read_bytes()
    assert b"rephase" in line
    os.kill(state.process, signal.SIGKILL)
