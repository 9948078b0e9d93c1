"""The benchmarks of policy extraction on problems too small to mean anything: they run, agree and say what lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rephase.manifest.algorithm import Precision

ROOT = Path(__file__).parents[2]
TINY = {"batch_size": 4, "horizon": 1, "critic_iterations": 1}


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


class Again:
    """Records nothing: what it replays is the work itself."""

    def rehearse(self, work: Any) -> Any:
        return work()

    def record(self, work: Any) -> Any:
        result: dict[str, torch.Tensor] = {}
        return lambda: result.update(work()), result


@pytest.mark.slow
def test_stacked_and_plain_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.policy_extraction import comparison

    monkeypatch.setattr(comparison, "matrix_product_peak", lambda *_: 1e9)
    found = comparison.compare("embedded", "baseline", 2, "cpu", 1, **TINY)

    assert json.loads(json.dumps(found)) == found
    assert found["disagreement"] < 1e-4
    assert (found["precision"], found["updates"]) == ("float32", "as written")
    assert list(found["programs"]) == ["stacked", "plain", "plain, frozen weights without gradients"]
    assert found["programs"]["stacked"]["gflop"] < found["programs"]["plain"]["gflop"]
    assert set(found["speedup"]) == {"plain", "plain, frozen weights without gradients"}


def test_a_replayed_epoch_is_timed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.policy_extraction import comparison
    from benchmarks.policy_extraction.measuring import Stopwatch
    from benchmarks.policy_extraction.sizes import Problem

    monkeypatch.setattr(comparison, "recorder_for", lambda device: Again())
    program = comparison._Replayed(Problem.of("embedded", "flowpolicy", 2, "cpu", **TINY))
    watch = Stopwatch("cpu")

    assert program.mode == "replayed"
    assert "value_loss" in program.epoch(watch, "replayed")
    assert list(watch.wall) == ["replayed/whole"]


@pytest.mark.slow
def test_scaling_is_measured_told_and_drawn(tmp_path: Path) -> None:
    from benchmarks.policy_extraction import scaling

    axes = {"runs": (1, 2), "horizon": (1, 2), "batch_size": (2, 4)}
    found = scaling.measure("embedded", 2, "cpu", 1, axes)

    assert json.loads(json.dumps(found)) == found
    for axis, values in axes.items():
        for points in found["axes"][axis].values():
            assert [point["value"] for point in points] == list(values)
            assert points[0]["ratio"] == 1
    told = scaling.text(found)
    assert told.count("one epoch of one run over runs in one program, ") == 2
    scaling.draw(found, tmp_path / "first.svg")
    scaling.draw(found, tmp_path / "second.svg")
    assert (tmp_path / "first.svg").read_text().startswith("<?xml")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


@pytest.mark.slow
def test_a_whole_phase_is_projected_from_moments() -> None:
    from benchmarks.policy_extraction import projection

    found = projection.project("embedded", "embedded", "cpu", Precision.FLOAT32, 1, 1, batch_size=2)

    assert [config["runs"] for config in found["configs"].values()] == [9, 9]
    assert found["minutes"] == pytest.approx(sum(config["seconds"] for config in found["configs"].values()) / 60)
    assert "phase3@embedded at embedded" in projection.text(found)


def test_time_beside_training_counts_only_where_training_waits() -> None:
    from benchmarks.policy_extraction.projection import _total

    assert _total(1000, 100, 0.1, 4.0, 8.0, False) == {
        "training_seconds": 100,
        "waiting_seconds": 9 * 4 + 16,
        "seconds": 152,
    }
    assert _total(1000, 100, 0.1, 4.0, 8.0, True)["waiting_seconds"] == 16
    assert _total(1000, 100, 0.1, 12.0, 8.0, True)["waiting_seconds"] == 9 * 2 + 16


@pytest.mark.slow
@pytest.mark.parametrize("module", ["", ".scaling", ".projection"])
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(
            ["--device", "cuda"],
            f"error: --device cuda: torch {torch.__version__} finds no CUDA device here; give --device cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device"),
        ),
        (
            ["--precision", "tf32"],
            "error: --precision tf32: a CPU has no TF32; give float32 or bfloat16, or --device cuda",
        ),
    ],
)
def test_what_cannot_be_measured_here_is_said_in_one_line(module: str, words: list[str], problem: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.policy_extraction{module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(problem)


def test_memory_is_what_is_alive_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.policy_extraction.memory import Bytes

    held = torch.zeros(100, device="meta")
    weight = torch.zeros(50, requires_grad=True, device="meta")
    with Bytes([held]) as found:
        twice = weight * 2
        assert (found.now, found.peak) == (600, 600)
        view = twice.view(5, 10)
        del twice
        third = view + 1
        del view
        _ = third.sum()
        assert (found.now, found.peak) == (604, 800)


def test_the_memory_of_an_update_grows_with_its_runs_and_holds_their_state() -> None:
    from benchmarks.policy_extraction.memory import count

    one, four = (count("embedded", "flowpolicy", runs, **TINY) for runs in (1, 4))
    assert json.loads(json.dumps(one)) == one
    assert 4 * 50_000 < one["between_updates_bytes"] < one["peak_bytes"] < four["peak_bytes"]
    # Its parameters, their two moments and their gradients are most of what a run adds between updates.
    added = (four["between_updates_bytes"] - one["between_updates_bytes"]) / 3
    assert added > 3.5 * 4 * _trained_parameters()


def _trained_parameters() -> int:
    from benchmarks.policy_extraction.sizes import Problem

    learner = Problem.of("embedded", "flowpolicy", 1, "cpu", **TINY).learner()
    parts = (learner.policy, learner.critics)
    return sum(value.numel() for part in parts for value in part.parameters().values())


@pytest.mark.parametrize("kind", ["portable", "native"])
def test_the_phase_that_portable_arithmetic_is_measured_on_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from benchmarks import portable
    from rephase.reproduction.phases import open_phase

    path = tmp_path / "phase.toml"
    path.write_text(portable.shortened(kind, 7))
    monkeypatch.setenv("REPHASE_INPUTS", portable.environment()["REPHASE_INPUTS"])
    phase = open_phase(str(path), "", Path())
    assert (phase.algorithm("baseline").epochs, str(phase.manifest.arithmetic)) == (7, kind)


def test_start_states_differ_in_where_they_are_drawn_and_in_nothing_else(tmp_path: Path) -> None:
    from benchmarks import start_states
    from rephase.reproduction.phases import open_phase

    start_states.make_phase(tmp_path, start_states.SEEDS[:6])
    phase = open_phase("start-states", "embedded", tmp_path)
    (own, *shared) = (phase.resolved(name) for name in ("own", "shared-all", "shared-few"))
    assert len(phase.runs(reference=True)) == 3 * 3 * 6
    for one in shared:
        assert {key for key in own if own[key] != one[key]} == {"inputs", "roles"}
    same = start_states.compared([1.0, 2.0, 4.0], [3.0, 4.0, 6.0])
    assert (same["difference"], same["sd_ratio"]) == (2.0, 1.0)
    assert same["low"] < 0 < same["high"]
