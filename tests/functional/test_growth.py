"""Commands over many records: the benchmark runs, and the work done grows no faster than the records.

Work is counted and never timed: how often a phase is digested, how much is written as JSON to be digested, and how many
lines a picture has.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rephase.cli.main import main
from rephase.judging.auditing import likeness
from rephase.manifest import hashing, record
from rephase.manifest.phase import Phase

ROOT = Path(__file__).parents[2]
COMMANDS = ("record", "check", "report", "log", "status", "show")


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def work(place: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Counter[str]]:
    """What each command does over this many records."""
    from benchmarks import growth
    from rephase.reproduction.storing import Store

    phase = growth.make_phase(place, count)
    for side in (0, 1):
        growth.fill(Store(place / str(side), phase), 3, side)
    found = {}
    for command in COMMANDS:
        done: Counter[str] = Counter()
        with monkeypatch.context() as patch:
            counted(patch, done, Phase, "pinned", is_property=True)
            counted(patch, done, hashing, "text_of_json")
            counted(patch, done, record, "text_of_json")
            counted(patch, done, record, "structure")
            counted(patch, done, likeness, "_is_equal")
            folders = ["--project", str(place), "--runs", str(place / ("0" if command == "record" else "1"))]
            assert main([command, "growth", *folders]) in (0, 1, 4)
        found[command] = done
    return found


def counted(patch: pytest.MonkeyPatch, done: Counter[str], owner: Any, name: str, is_property: bool = False) -> None:
    before = vars(owner)[name]

    def call(*arguments: Any, **named: Any) -> Any:
        done[name] += 1
        return (before.fget if is_property else before)(*arguments, **named)

    patch.setattr(owner, name, property(call) if is_property else call)


def test_work_grows_with_the_records_and_not_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (work(tmp_path / str(count), count, monkeypatch) for count in (6, 24))

    for command in COMMANDS:
        assert many[command]["pinned"] == few[command]["pinned"] <= 1, command
        for name in ("text_of_json", "structure", "_is_equal"):
            assert many[command][name] <= 4 * few[command][name] + 8, (command, name)
    assert many["check"]["structure"] == 24  # each record is read once


def test_the_benchmark_measures_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import growth

    monkeypatch.setattr(sys, "argv", ["growth", "--records", "6", "12", "--rows", "2"])
    growth.main()

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["records", *growth.COMMANDS]
    assert [line.split()[0] for line in lines[1:]] == ["6", "6", "12", "ratio"]


@pytest.mark.slow
def test_a_phase_of_200_000_seeds_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "reproductions/configs", tmp_path / "reproductions/configs")
    text = (ROOT / "reproductions/phase3/embedded.toml").read_text()
    [seeds] = [line for line in text.splitlines() if line.startswith("seeds = ")]
    path = tmp_path / "reproductions/phase3/embedded.toml"
    path.parent.mkdir()
    path.write_text(text.replace(seeds, f"seeds = {[*range(10**6, 10**6 + 200_000)]}"))

    assert main(["show", "phase3", "--project", str(tmp_path)]) == 0

    assert "0-599999" in capsys.readouterr().out
