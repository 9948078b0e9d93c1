"""Commands that look write nothing, so that a colleague's runs can be looked at; and anybody may be the one who looks.

The other user has no entry in the password file, no home and a terminal that knows ASCII only, as in a container on a
cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.stores import ROOT, write_store

from rephase.cli.main import main
from rephase.manifest.hashing import file_digest
from rephase.reproduction.storing import RunState, State, Store

READING = {
    "status": ["status", "phase3"],
    "status of all": ["status"],
    "log": ["log", "phase3"],
    "show": ["show", "phase3"],
    "check": ["check", "phase3"],
    "badge": ["badge", "phase3"],
    "cancel, where nothing waits": ["cancel", "phase3"],
}
needs_another_user = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="becoming another user needs root and setpriv"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Runs of which some are completed, one failed, one died at RUNNING in a job and one is being asked for."""
    store: Store = write_store(tmp_path / "runs", count=14)
    dead, waiting = store.phase.runs()[15:17]
    store.write_state(dead, RunState(state=State.RUNNING, attempt=1, job="77_0"))
    with store.claim([dead]):
        pass
    store.queue(waiting, "77_1", "submitted")
    submission = {
        "schema": 1,
        "phase": store.phase.name,
        "manifest_digest": store.phase.digest,
        "image": "sha256:" + "0" * 64,
        "arrays": {"flowpolicy": "77"},
        "jobs": {dead.label: "77_0", waiting.label: "77_1"},
        "logs": {dead.label: "/logs/77_0.log"},
    }
    (store.folder / "submissions").mkdir()
    (store.folder / "submissions/77.json").write_text(json.dumps(submission))
    return store


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for SLURM's programs, which say that one job timed out."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in {"squeue": "", "sacct": "echo '77_0|TIMEOUT|0:15'; echo '77_1|CANCELLED|0:0'"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def content(folder: Path) -> dict[str, object]:
    """Everything in a folder: its files by digest and when each was last written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, file_digest(path) if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


def words(command: list[str], store: Store) -> list[str]:
    return [*command, "--scale", "logged", "--project", str(ROOT), "--runs", str(store.folder.parent)]


@pytest.mark.parametrize("command", READING.values(), ids=READING)
@pytest.mark.usefixtures("queue")
def test_looking_writes_nothing(command: list[str], store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(store.folder.parent)
    assert main(words(command, store)) in (0, 3), capsys.readouterr().err
    assert content(store.folder.parent) == before


@pytest.mark.usefixtures("queue")
def test_the_queues_word_is_shown_and_not_written(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    dead = store.phase.runs()[15]

    assert main([*words(["status", "phase3"], store), "--json"]) == 0

    rows = {(row["config"], row["task"], row["seed"]): row for row in json.loads(capsys.readouterr().out)}
    row = rows[dead.config, dead.task, dead.seed]
    assert (row["state"], row["job"]) == ("FAILED", "77_0")
    assert row["reason"] == "job 77_0 ended TIMEOUT, exit code 0:15 without a record; see /logs/77_0.log"
    state = store.state_of(dead)
    assert state is not None
    assert state.state is State.RUNNING


@needs_another_user
@pytest.mark.parametrize("command", [READING[name] for name in ("status", "log", "show", "check")], ids=" ".join)
def test_a_colleague_without_a_name_a_home_or_more_than_ascii_can_look(command: list[str], store: Store) -> None:
    code, told = as_somebody_else(words(command, store))

    assert code in (0, 3), told
    assert "ermission denied" not in told
    assert told.isascii()


@needs_another_user
@pytest.mark.parametrize(
    ("command", "code", "last"),
    [
        (
            ["report", "phase3", "--out", "{runs}/page"],
            3,
            "rephase: {runs}/page: Permission denied; use a folder you may",
        ),
        (["submit", "phase3", "--image", "~/x.sif"], 3, "rephase: this user has no home folder; say where it is to be"),
        (["submit", "phase3", "--image", "/nowhere/x.sif"], 3, "rephase: /nowhere/x.sif: "),
    ],
    ids=["report", "an image below ~", "an image that is not there"],
)
def test_what_would_write_ends_in_one_line(command: list[str], code: int, last: str, store: Store) -> None:
    runs = str(store.folder.parent)
    found, told = as_somebody_else(words([word.format(runs=runs) for word in command], store))

    assert told.splitlines()[-1].startswith(last.format(runs=runs)), told
    assert found == code


def as_somebody_else(command: list[str]) -> tuple[int, str]:
    """Exit code of a command and what it said, given by a user nobody knows.

    May read everything, because a checkout and a Python below /root are root's alone, and write nothing of root's.
    """
    become = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    without = ("HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME", "COLUMNS")
    environ = {name: value for name, value in os.environ.items() if name not in without}
    environ |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*become, sys.executable, "-m", "rephase", *command], capture_output=True, check=False, env=environ, cwd="/"
    )
    told = (done.stdout + done.stderr).decode("ascii")
    assert "Traceback" not in told
    return done.returncode, told
