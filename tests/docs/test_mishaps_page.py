"""The table of mishaps: every row is made to happen, and ends with the code and the line the page says."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.projects import make_project
from fakes.stores import ROOT, write_store

from rephase.cli.main import main
from rephase.engine.cohort import Cohort
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/reference/mishaps.md"
RUN = ("run", "phase3", "--config", "baseline", "--jobs", "1")
Patch = pytest.MonkeyPatch
Mishap = Callable[[Path, Patch], tuple[str, ...]]


def rows() -> list[tuple[str, int, str]]:
    cells = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [(what, int(code), line.strip("`")) for what, code, line in cells[1:]]


def given(*words: str) -> Mishap:
    return lambda project, patch: words


def edited(old: str, new: str, *words: str) -> Mishap:
    def happen(project: Path, patch: Patch) -> tuple[str, ...]:
        path = project / "reproductions/phase3/embedded.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        return words

    return happen


def refuses(owner: object, name: str, error: BaseException) -> Mishap:
    def happen(project: Path, patch: Patch) -> tuple[str, ...]:
        def call(*_: object, **__: object) -> None:
            raise error

        patch.setattr(owner, name, call)
        return RUN

    return happen


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def flipped(project: Path, patch: Patch) -> tuple[str, ...]:
    path = project / "reproductions/embedded/world_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return RUN


def torn(project: Path, patch: Patch) -> tuple[str, ...]:
    phase = open_phase("phase3", "embedded", project)
    state = Store(project / "runs", phase).cohort_path(phase.select(config="baseline"))
    state.parent.mkdir(parents=True)
    state.write_bytes(b"not a checkpoint")
    return RUN


def forged(project: Path, patch: Patch) -> tuple[str, ...]:
    store = write_store(project / "runs")
    path = store.record_path(store.phase.runs()[0])
    path.write_text(path.read_text().replace('"attempt":1', '"attempt":2'))
    return ("check", "phase3", "--scale", "logged", "--project", str(ROOT), "--runs", str(project / "runs"))


def homeless(project: Path, patch: Patch) -> tuple[str, ...]:
    def expanduser(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    patch.setattr(Path, "expanduser", expanduser)
    return ("submit", "phase3", "--image", "~/rephase.sif")


MISHAPS: dict[str, Mishap] = {
    "`--device gpu`": given("run", "phase3", "--device", "gpu"),
    "`--threads -1`": given("run", "phase3", "--threads", "-1"),
    "`--jobs 0`": given("run", "phase3", "--jobs", "0"),
    "a phase that does not exist": given("check", "phase33"),
    "a misspelt key in a manifest": edited("horizon = 2", "horizn = 2", *RUN),
    "a path in a manifest that leads out of the project": edited(
        'recorded = "embedded', 'recorded = "/etc/embedded', "export", "phase3"
    ),
    "a plugin that is not installed": edited('rephase-rk = "', 'rephase-rkk = "', *RUN),
    "one bit of an input flipped": flipped,
    "the manifest edited while jobs wait": given(*RUN, "--expect-manifest", "sha256:" + "0" * 64),
    "job arrays edited while jobs wait": given(*RUN, "--index", "0", "--expect-run", "baseline/walker-stand/seed-9"),
    "a file in place of a checkpoint": torn,
    "no room on the disk": refuses(os, "fsync", system(errno.ENOSPC)),
    "over quota": refuses(os, "fsync", system(errno.EDQUOT)),
    "a read-only file system": refuses(os, "fsync", system(errno.EROFS)),
    "a file system without locks": refuses(fcntl, "flock", system(errno.ENOLCK)),
    "not enough memory": refuses(Cohort, "advance", MemoryError("cannot allocate")),
    "a plugin calls `sys.exit`": refuses(Cohort, "advance", SystemExit("text")),
    "Ctrl-C": refuses(Cohort, "advance", KeyboardInterrupt()),
    "a mistake in rephase or a plugin": refuses(Cohort, "advance", AttributeError("no such thing")),
    "`~` of a user without a home": homeless,
    "a record changed after it was written": forged,
    "nothing run yet": given("check", "phase3", "--scale", "logged", "--project", str(ROOT), "--runs", "nowhere"),
}


def test_every_row_can_be_made_to_happen() -> None:
    assert [what for what, _, _ in rows()] == list(MISHAPS)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), tasks=("reacher-easy",), seeds=(1,))


@pytest.mark.parametrize(("what", "code", "line"), rows(), ids=[what for what, _, _ in rows()])
def test_a_mishap_ends_as_the_page_says(
    what: str, code: int, line: str, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    shutil.copytree(original, project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        found = main(MISHAPS[what](project, patch))
    told = capsys.readouterr()
    last = (told.err or told.out).splitlines()[-1]
    assert "Traceback" not in told.out + told.err
    assert re.fullmatch(".*".join(map(re.escape, line.split("…"))), last), last
    assert found == code
