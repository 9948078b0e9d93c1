from __future__ import annotations

import numpy as np
import pytest
import torch

from rephase.engine.statistics import RunningStatistics, root


def test_after_many_batches_they_are_those_of_everything_seen():
    generator = np.random.default_rng(0)
    batches = [generator.normal(3, 2, (2, size)) for size in (5, 1, 400, 17)]
    statistics = RunningStatistics(2, torch.float64)
    for batch in batches:
        statistics.update(torch.from_numpy(batch))
    seen = np.concatenate(batches, 1)
    # The start counts as 1e-4 observations of mean 0 and variance 1.
    np.testing.assert_allclose(statistics.mean.numpy(), seen.mean(1), rtol=1e-5)
    np.testing.assert_allclose(statistics.var.numpy(), seen.var(1), rtol=1e-4)
    np.testing.assert_allclose(statistics.count.numpy(), seen.shape[1] + 1e-4)


def test_the_start_weighs_exactly_its_count():
    values = np.array([[4.0, 6.0]])
    statistics = RunningStatistics(1, torch.float64)
    statistics.update(torch.from_numpy(values))
    total = 2 + 1e-4
    mean = 5 * 2 / total
    var = (1e-4 * (1 + (0 - mean) ** 2) + 2 * (1 + (5 - mean) ** 2)) / total
    assert statistics.mean.item() == pytest.approx(mean, rel=1e-12)
    assert statistics.var.item() == pytest.approx(var, rel=1e-12)


def test_runs_do_not_mix():
    together, alone = RunningStatistics(2, torch.float64), RunningStatistics(1, torch.float64)
    for _ in range(3):
        values = torch.randn(2, 6, dtype=torch.float64)
        together.update(values)
        alone.update(values[1:])
    for name in ("mean", "var", "count"):
        torch.testing.assert_close(getattr(together, name)[1:], getattr(alone, name), rtol=1e-14, atol=0)


def test_updates_are_in_place_and_outside_the_graph():
    statistics = RunningStatistics(1)
    mean = statistics.mean
    statistics.update(torch.ones(1, 3, requires_grad=True))
    assert statistics.mean is mean
    assert not mean.requires_grad


def test_a_batch_of_one_value_has_no_spread():
    statistics = RunningStatistics(1, torch.float64)
    statistics.update(torch.full((1, 1), 7.0, dtype=torch.float64))
    assert statistics.mean.item() == pytest.approx(7, abs=1e-3)
    assert torch.isfinite(statistics.var).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_root_is_that_of_exact_divisions_within_two_roundings(dtype: torch.dtype) -> None:
    numbers = torch.cat([torch.zeros(1), torch.rand(5_000, generator=torch.Generator().manual_seed(0)) * 100]).to(dtype)
    exact = torch.from_numpy(np.sqrt(numbers.double().numpy()))
    found = root(numbers)
    assert found[0] == 0
    assert found.dtype == dtype
    assert ((found.double() - exact).abs() <= 1.5 * torch.finfo(dtype).eps * exact).all()
    assert torch.equal(found[1:], numbers[1:] * (1 / torch.from_numpy(np.sqrt(numbers[1:].numpy()))))
