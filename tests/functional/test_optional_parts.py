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
