"""The figures of the integrators' page are those of the benchmark's result, and trained models can be measured, too."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "choose-an-integrator.md"
RESULT = ROOT / "benchmarks" / "results" / "integrators.json"


def test_the_table_is_the_result() -> None:
    rows = [
        f"| `{row['integrator']}` | {row['substeps']} | {'-' if row['order'] is None else format(row['order'], '.2f')} "
        f"| {row['evaluations']} | {row['epoch_ratio']:.2f} | {row['rms']:.1e} | {row['largest']:.1e} |"
        for row in json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    ]
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert table == rows


def test_a_coarser_method_is_further_from_the_fine_solution_of_a_model() -> None:
    path = ROOT / "benchmarks" / "model_integrators.py"
    spec = importlib.util.spec_from_file_location("model_integrators", path)
    assert spec
    assert spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    phase, registry = bench.open_phase(bench.PHASE, "embedded", ROOT), bench.discover()
    part = bench.compose(phase, registry)["standard"].world_model
    run = phase.runs()[0]
    model = bench._model(part, registry, *bench.FINE)
    model.initialise(torch.Generator().manual_seed(1))
    tensors = {name: value + 0.1 if "_velocity" in name else value for name, value in model.state_dict().items()}
    observations, actions = bench._episodes(phase, run)
    task = torch.full((bench.ROWS,), bench.find_task(run.task).index)

    def latents(*method: object) -> torch.Tensor:
        return bench._rollout(bench._model(part, registry, *method), tensors, observations, actions, task)

    fine = latents("rk4", 16)
    euler, heun, finer = (bench._share(latents(*method), fine) for method in (("euler", 1), ("heun", 1), ("heun", 8)))
    assert bench._share(fine, fine) == (0, 0)
    assert euler[0] > heun[0] > finer[0] > 0
    assert finer[1] < 0.1
    assert bench._method(part) == ("heun", 1)
    assert bench._mean([1.0, 2.0]) == pytest.approx(1.5)
    assert bench._mean([1.0, None]) is None


def test_the_table_of_trained_world_models_is_what_was_measured() -> None:
    result = json.loads((ROOT / "benchmarks/results/model_integrators.json").read_text(encoding="utf-8"))
    rows = {row["config"]: row for row in next(part for part in result.values() if isinstance(part, list))}
    text = PAGE.read_text(encoding="utf-8")
    for config in ("standard", "high-precision-wm", "euler-fast"):
        row = rows[config]
        told = (
            f"| {row['error']:.3f}, {row['error_after_5']:.3f} | {row['errors_by_method']['euler x1']:.3f} "
            f"| {row['return']:.0f} | {row['update_seconds']:.2f} |"
        )
        assert told in text
