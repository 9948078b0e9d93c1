"""The phases that come with optional parts: readable, pinned to Phase 3's inputs, and composed of what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.plugins.registry import discover
from rephase.reproduction.composing import compose
from rephase.reproduction.phases import open_phase

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "config", "plugin", "policy", "integrator"),
    [
        ("phase3-dopri5", "flowpolicy", "rephase-torchdiffeq", "flow-ode", "dopri5"),
        ("phase3-meanflow", "baseline", "rephase-meanflow", "mean-flow", None),
    ],
)
def test_a_phase_composes_with_the_part_it_is_named_after(
    name: str, config: str, plugin: str, policy: str, integrator: str | None
) -> None:
    phase, origin = (open_phase(one, "embedded", PROJECT) for one in (name, "phase3"))
    pins = phase.manifest.plugins
    registry = discover(pins)

    assert plugin in [source.distribution for source in registry.require(pins)]
    assert list(phase.configs) == [config]
    part = compose(phase, registry)[config].policy
    assert part.offered.offer.name == policy
    assert (part.integrator and part.integrator.offered.offer.name) == integrator
    for field in ("inputs", "tasks", "seeds", "extension_seeds", "algorithm", "evaluation", "verdict"):
        assert getattr(phase.manifest, field) == getattr(origin.manifest, field)
    files = [(one.file.parent / one.manifest.recorded).resolve() for one in (phase, origin)]
    assert files[0] == files[1]


def test_stacked_flows_end_where_each_alone_does() -> None:
    import torch
    from rephase_flow.offers import FlowPolicyConfig
    from rephase_flow.policy import FlowPolicy
    from rephase_torchdiffeq.adaptive import dopri5
    from rephase_torchdiffeq.offers import AdaptiveConfig

    from rephase.engine.parts import StackedPart
    from rephase.engine.seeding import stream

    method = dopri5(AdaptiveConfig(rtol=1e-8, atol=1e-8))
    policies = [FlowPolicy(FlowPolicyConfig(units=(12,), substeps=1), 8, 3, method).double() for _ in range(3)]
    for seed, policy in enumerate(policies):
        policy.initialise(stream(seed, "policy"))
    latent, noise = (torch.randn(3, 5, size, dtype=torch.float64, generator=stream(9, str(size))) for size in (8, 3))
    together, alone = StackedPart(policies), StackedPart(policies, stackable=False)

    for name, arguments in (("act", (latent, noise)), ("mean", (latent,))):
        found, wanted = together.call(name, *arguments), alone.call(name, *arguments)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        found.square().sum().backward()
        wanted.square().sum().backward()
    for name, parameter in alone.parameters().items():
        gradient = together.parameters()[name].grad
        assert (gradient is None) == (parameter.grad is None)
        if gradient is not None:
            torch.testing.assert_close(gradient, parameter.grad, rtol=0, atol=1e-3)
