"""A GPU node is examined as far as a CPU can stand in: what is measured, told, and survived."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from attrs import evolve

from rephase.cli.main import main
from rephase.manifest import read_phase
from rephase.manifest.algorithm import Precision
from rephase.reproduction import checkup

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def phase():
    read = read_phase(ROOT / "reproductions/phase3/embedded.toml")
    small = evolve(read.manifest.algorithm, batch_size=4, horizon=1, critic_iterations=1, critics=1, critic_batches=1)
    return evolve(read, manifest=evolve(read.manifest, algorithm=small), algorithms={})


def cell(ms=1.0, **changes):
    one = {"config": "baseline", "runs": 9, "precision": "tf32", "way": "recorded", "ms": ms, "updates": "replayed"}
    return one | {"peak_memory_bytes": 2e9} | changes


def test_without_a_gpu_it_is_refused_with_what_to_do(phase, tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert main(["doctor", "--gpu", "--project", str(ROOT), "--output", str(tmp_path / "found.json")]) == 3
    assert "no CUDA device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_its_options_mean_nothing_alone(capsys):
    assert main(["doctor", "--miniature"]) == 2
    assert "belong to --gpu" in capsys.readouterr().err


@pytest.mark.slow
def test_an_update_is_timed_as_written_and_the_whole_is_told(phase, monkeypatch, tmp_path, capsys):
    cells = [("baseline", 1, Precision.FLOAT32, "as written"), ("flowpolicy", 2, Precision.FLOAT32, "as written")]
    monkeypatch.setattr(checkup, "_cells", lambda phase, device: cells)
    monkeypatch.setattr(checkup, "_evaluation_seconds", lambda phase, cohort, runs: 2.0)
    monkeypatch.setattr(
        checkup,
        "_checks",
        lambda project, device: {"good": ["-c", "print('9 ok')"], "bad": ["-c", "exit(4)"], "no": []},
    )
    monkeypatch.setattr("rephase.reproduction.phases.open_phase", lambda *_: phase)
    words = ["doctor", "--gpu", "--device", "cpu", "--miniature", "--project", str(ROOT)]
    assert main([*words, "--output", str(tmp_path / "found.json")]) == 1  # a check failed
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(one["runs"], one["updates"].startswith("as written")) for one in found["updates"]] == [
        (1, True),
        (2, True),
    ]
    assert all(one["ms"] > 0 for one in found["updates"])
    assert {name: check["state"] for name, check in found["checks"].items()} == {
        "good": "ok",
        "bad": "failed",
        "no": "absent",
    }
    told = capsys.readouterr().out
    assert "in place of a GPU" in told
    assert "9 ok" in told
    assert "not measured" in told


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, AssertionError])  # a compiler asserts
def test_what_fails_is_a_reason_and_not_an_end(phase, monkeypatch, kind):
    def full(*_):
        raise kind("CUDA out of memory. Tried to allocate 2.00 GiB\nmore")

    monkeypatch.setattr(checkup, "_cohort", full)
    said = []
    found = checkup._measured(phase, "baseline", 1, Precision.FLOAT32, "as written", "cpu", 1, said.append)
    assert found["problem"] == f"{kind.__name__}: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert said == [f"baseline, 1 runs, float32, as written: {found['problem']}"]


def test_a_process_that_dies_while_compiling_is_a_reason(phase, monkeypatch):
    monkeypatch.setattr(checkup, "__name__", "no.such.module")
    found = checkup._measured(phase, "baseline", 1, Precision.FLOAT32, "compiled", "cpu", 1, lambda line: None)
    assert "no.such" in found["problem"] or "No module" in found["problem"]


def test_on_a_gpu_every_way_is_timed_in_both_precisions(phase):
    cells = checkup._cells(phase, "cuda")
    assert {one[:3] for one in cells} == {
        (config, runs, precision)
        for config in ("baseline", "flowpolicy")
        for runs in (1, 9)
        for precision in (Precision.TF32, Precision.FLOAT32)
    }
    assert {way for *_, way in cells} == {"as written", "recorded", "compiled"}


def test_aims_are_met_by_the_slower_config_at_its_fastest(phase):
    cells = [
        cell(4.0, runs=1),
        cell(9.0, runs=1, way="as written"),
        cell(20.0),
        cell(5.5, runs=1, config="flowpolicy"),
        cell(36.0, config="flowpolicy", peak_memory_bytes=14e9),
        cell(1.0, way="compiled"),
        cell(90.0, precision="float32"),
        {"config": "baseline", "problem": "it fell over"},
    ]
    aims = checkup._aims({"updates": cells, "device": "cuda", "phase_minutes": None})
    assert [(one["found"], one["reached"]) for one in aims] == [(5.5, True), (36.0, False), (14.0, True), (None, None)]


def test_a_phase_is_its_updates_and_what_it_waits_for(phase):
    small = evolve(phase, manifest=evolve(phase.manifest, algorithm=evolve(phase.manifest.algorithm, epochs=100)))
    cells = [cell(100.0, config=config, evaluation_seconds=10.0) for config in small.configs]
    evaluation = evolve(small.manifest.evaluation, every=50, episodes=10, curve_episodes=10)
    small = evolve(small, manifest=evolve(small.manifest, evaluation=evaluation))
    # 10 s of updates, one evaluation on the way of which 5 s are waited for, two at the end; twice.
    assert checkup._phase_minutes(small, cells, "cuda") == pytest.approx(2 * (10 + 5 + 20) / 60)
    assert checkup._phase_minutes(small, cells, "cpu") == pytest.approx(2 * (10 + 10 + 20) / 60)
    assert checkup._phase_minutes(small, cells[:1], "cpu") is None


def test_a_result_is_named_after_the_gpu():
    assert checkup.result_name({"gpu": {"name": "NVIDIA H100 80GB HBM3"}}) == "gpu-nvidia-h100-80gb-hbm3.json"
    assert checkup.result_name({"gpu": None}) == "gpu-stand-in.json"
