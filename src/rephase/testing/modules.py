"""What world models and policies share: they are torch modules that draw nothing and can be stacked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rephase.engine.parts import StackedPart
from rephase.engine.seeding import stream
from rephase.plugins import Kind, Offer
from rephase.plugins.registry import discover
from rephase.protocols import Integrator, Spaces
from rephase.testing.offers import OfferConformance

__all__ = ["BATCH", "SPACES", "ModuleConformance", "fixed"]

BATCH = 5
SPACES = Spaces(observation=7, action=3, action_sizes=(3, 1, 2))
"""A small task suite: 7 observation entries, 3 action entries, 3 tasks."""


class ModuleConformance(OfferConformance):
    """Tests of a part that is a torch module; `build` makes a fresh one, `outputs` calls its deterministic methods."""

    @pytest.fixture
    def integrator(self, offer: Offer) -> Integrator | None:
        """The integrator handed to a part that takes one: the installed ``heun`` or the first there is."""
        if not offer.takes_integrator:
            return None
        offers = [one.offer for one in discover().offered if one.offer.kind is Kind.INTEGRATOR]
        if not offers:
            pytest.fail("the part takes an integrator and none is installed; install rephase-rk", pytrace=False)
        chosen = next((one for one in offers if one.name == "heun"), offers[0])
        built: Integrator = chosen.load()(chosen.config())
        return built

    @pytest.fixture
    def build(self) -> Callable[[], Any]:
        """Makes a fresh part; the kit's subclasses supply it."""
        raise NotImplementedError

    @pytest.fixture
    def part(self, build: Callable[[], Any]) -> Any:
        """A part with parameters drawn from a fixed generator."""
        part = build()
        part.initialise(stream(0, "conformance"))
        return part

    def outputs(self, part: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Results of every method on fixed inputs, by name."""
        raise NotImplementedError

    def test_is_a_module(self, part: Any) -> None:
        """The part is a torch module with parameters."""
        assert isinstance(part, nn.Module), f"{type(part).__name__} is no torch.nn.Module"
        assert any(True for _ in part.parameters()), "the part has no parameters"

    def test_initialises_from_its_generator_alone(self, build: Callable[[], Any]) -> None:
        """Equal generators give equal parameters, other generators others, and the global state is not touched."""
        states = []
        for seed in (1, 1, 2):
            part = build()
            before = torch.get_rng_state()
            part.initialise(stream(seed, "conformance"))
            assert torch.equal(before, torch.get_rng_state()), "initialise drew from the global random state"
            states.append(part.state_dict())
        first, again, other = states
        assert all(torch.equal(first[name], again[name]) for name in first), "equal generators gave other parameters"
        assert any(not torch.equal(first[name], other[name]) for name in first), "the generator is not used"

    def test_draws_nothing(self, part: Any) -> None:
        """Calling twice gives the same, and the global random state is as it was."""
        before = torch.get_rng_state()
        first, second = self.outputs(part), self.outputs(part)
        assert torch.equal(before, torch.get_rng_state()), "a method drew from the global random state"
        for name in first:
            assert torch.equal(first[name], second[name]), f"two calls of {name} differ"

    def test_computes_in_the_type_of_its_parameters(self, part: Any) -> None:
        """In float64 every result is float64, and close to the float32 one."""
        single = self.outputs(part)
        double = self.outputs(part.to(torch.float64), torch.float64)
        for name, value in double.items():
            assert value.dtype == torch.float64, f"{name} returned {value.dtype} for a float64 part"
            assert torch.allclose(value.float(), single[name], rtol=1e-3, atol=1e-3), f"{name} depends on the dtype"

    def test_is_finite(self, part: Any) -> None:
        """Every result is finite."""
        for name, value in self.outputs(part).items():
            assert bool(torch.isfinite(value).all()), f"{name} is not finite"

    def test_saves_and_loads(self, part: Any, build: Callable[[], Any]) -> None:
        """A fresh part with the saved parameters computes the same."""
        other = build()
        other.initialise(stream(9, "conformance"))
        other.load_state_dict(part.state_dict())
        for name, value in self.outputs(other).items():
            assert torch.equal(value, self.outputs(part)[name]), f"{name} differs after saving and loading"

    def test_stacks_or_says_so(self, build: Callable[[], Any], offer: Offer) -> None:
        """Where the offer says stackable, three parts as one program give what each gives alone."""
        if not offer.stackable:
            return
        parts = []
        for seed in (1, 2, 3):
            one = build()
            one.initialise(stream(seed, "conformance"))
            parts.append(one)
        alone = [self.outputs(one) for one in parts]
        stack = StackedPart(parts)
        for name in alone[0]:
            try:
                together = stack.call(lambda part, _, name=name: self.outputs(part)[name], torch.zeros(3))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                pytest.fail(f"the offer says stackable, vmap says of {name}: {error}", pytrace=False)
            for run, expected in enumerate(alone):
                assert torch.allclose(together[run], expected[name], rtol=1e-4, atol=1e-5), (
                    f"{name} of a stacked part differs from the part alone"
                )


def fixed(*shape: int, name: str = "input", dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal numbers that depend on their name and shape alone; a fresh copy each time."""
    return _drawn(shape, name).to(dtype, copy=True)


@cache
def _drawn(shape: tuple[int, ...], name: str) -> Tensor:
    # Kept, because nothing may be drawn under vmap.
    return torch.randn(shape, generator=stream(0, f"{name}/{shape}"))
