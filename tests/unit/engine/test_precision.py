from __future__ import annotations

import pytest
import torch
from attrs import evolve

from rephase.engine.cohort import Cohort, Member
from rephase.engine.precision import effective_precision, in_full, training_precision
from rephase.engine.pretraining import EpisodePool
from rephase.engine.rewards import expectation
from rephase.manifest.algorithm import Precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
MEMBERS = [Member(0, 0), Member(2, 1)]


def products():
    """What a product of two float32 matrices is computed in on a CPU just now."""
    return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize(
    ("precision", "on_a_cpu"), [("float32", "float32"), ("tf32", "float32"), ("bfloat16", "bfloat16")]
)
def test_only_a_gpu_has_tf32(precision, on_a_cpu):
    assert effective_precision(Precision(precision), CUDA) == precision
    assert effective_precision(Precision(precision), CPU) == on_a_cpu


@pytest.mark.parametrize(("precision", "flag"), [("float32", "ieee"), ("tf32", "tf32")])
@pytest.mark.parametrize("before", ["none", "tf32", "ieee"])
def test_the_flag_of_tensor_cores_holds_inside_only(precision, flag, before):
    matmul = torch.backends.cuda.matmul
    found, matmul.fp32_precision = matmul.fp32_precision, before
    try:
        with training_precision(Precision(precision), CUDA):
            assert matmul.fp32_precision == flag
        assert matmul.fp32_precision == before
        with pytest.raises(KeyError), training_precision(Precision(precision), CUDA):
            raise KeyError
        assert matmul.fp32_precision == before
        with training_precision(Precision(precision), CPU):
            assert matmul.fp32_precision == before
    finally:
        matmul.fp32_precision = found


def test_bfloat16_holds_inside_only_and_not_in_what_must_be_exact():
    with training_precision(Precision.BFLOAT16, CPU):
        assert products() is torch.bfloat16
        with in_full(torch.ones(1)):
            assert products() is torch.float32
    assert products() is torch.float32
    with pytest.raises(KeyError), training_precision(Precision.BFLOAT16, CPU):
        raise KeyError
    assert products() is torch.float32


def test_rewards_are_expected_in_full_precision():
    logits, bins = torch.randn(5, 11), torch.linspace(-2, 2, 11)
    exact = expectation(logits, bins)
    with training_precision(Precision.BFLOAT16, CPU):
        assert torch.equal(expectation(logits, bins), exact)
        assert expectation(logits.bfloat16(), bins).dtype is torch.float32


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("finetune", [False, True])
def test_bfloat16_trains_close_to_float32(build_model, build_policy, spaces, algorithm, flow, finetune):
    generator = torch.Generator().manual_seed(9)
    shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
    pools = {t: EpisodePool(*({t: torch.rand(*s, generator=generator)} for s in shapes)) for t in range(3)}
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}
    kind = "flow" if flow else "mlp"

    def build(precision):
        return Cohort(
            world_model=[build_model(kind, seed) for seed in range(2)] if finetune else build_model(kind),
            build_policy=lambda: build_policy("flow" if flow else "gaussian"),
            algorithm=evolve(algorithm, batch_size=64, precision=precision, finetune_world_model=finetune),
            members=MEMBERS,
            experience=pools if finetune else starts,
            spaces=spaces,
        )

    exact, rounded = build("float32"), build("bfloat16")
    for _ in range(3):
        exact.advance(1)
        rounded.advance(1)
        for one, other in zip(exact.points(), rounded.points(), strict=True):
            assert one != other
            for name in ("value_loss", "target_mean"):
                assert other.metrics[name] == pytest.approx(one.metrics[name], rel=0.1, abs=0.05)
    state = rounded.state_dict()
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    assert all(bool(value.isfinite().all()) for value in state.values())
    observation = torch.ones(2, 1, 5)
    assert torch.allclose(exact.act(observation), rounded.act(observation), atol=0.05)
    assert products() is torch.float32


def test_tf32_on_a_cpu_is_float32_to_the_bit(build_model, build_policy, spaces, algorithm):
    starts = {task: torch.ones(2, 5) for task in range(3)}
    cohorts = [
        Cohort(
            world_model=build_model(),
            build_policy=build_policy,
            algorithm=evolve(algorithm, precision=precision),
            members=MEMBERS,
            experience=starts,
            spaces=spaces,
        )
        for precision in ("float32", "tf32")
    ]
    for cohort in cohorts:
        cohort.advance(2)
    assert cohorts[0].points() == cohorts[1].points()
