"""What every policy must do, as tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rephase.engine.parts import StackedPart
from rephase.engine.seeding import stream
from rephase.plugins import Kind, Offer
from rephase.protocols import Integrator, OwnLoss, Policy
from rephase.testing.modules import BATCH, SPACES, ModuleConformance, fixed
from rephase.testing.offers import built_config

__all__ = ["PolicyConformance"]

_LATENT = 16


class PolicyConformance(ModuleConformance):
    """Tests of a policy; supply the fixture ``offer``, and ``settings`` where defaults do not do.

    Where it has a loss of its own (`rephase.protocols.OwnLoss`), the tests hold that to its rules, too.
    """

    @pytest.fixture
    def build(self, offer: Offer, settings: dict[str, Any], integrator: Integrator | None) -> Callable[[], Any]:
        """Makes a fresh policy."""
        assert offer.kind is Kind.POLICY, f"the offer is a {offer.kind}, not a policy"
        config = built_config(offer, settings)
        return lambda: offer.load()(config, _LATENT, SPACES.action, integrator)

    def outputs(self, part: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Sampled and deterministic actions of fixed latents."""
        latent = fixed(BATCH, _LATENT, name="latent", dtype=dtype)
        found = {
            "act": part.act(latent, _noise(part, BATCH, dtype)),
            "mean": part.mean(latent),
            "spread": part.spread(),
        }
        return found | ({"own_loss": part.own_loss(*_imagined(part, dtype))} if isinstance(part, OwnLoss) else {})

    def test_is_a_policy(self, part: Any) -> None:
        """Every method of the protocol is there."""
        assert isinstance(part, Policy), "a method of rephase.protocols.Policy is missing"

    def test_actions_have_the_right_shape(self, part: Any) -> None:
        """One action for each latent; the noise's first axis is the batch; the spread is one number."""
        found = self.outputs(part)
        for name in ("act", "mean"):
            expected = (BATCH, SPACES.action)
            assert found[name].shape == expected, f"{name} returned {tuple(found[name].shape)}, expected {expected}"
        assert part.noise_shape(BATCH)[0] == BATCH, "the first entry of noise_shape is not the batch size"
        for name in ("spread", "own_loss"):
            assert name not in found or found[name].shape == (), f"{name} is not a scalar"
        draws = part.own_loss_draws(BATCH) if isinstance(part, OwnLoss) else None
        assert draws is None or draws[0] == BATCH, "the first entry of own_loss_draws is not the batch size"

    def test_every_row_stands_alone(self, part: Any) -> None:
        """An action depends on its own latent and noise, not on the rest of the batch."""
        latent, noise = fixed(BATCH, _LATENT, name="latent"), _noise(part, BATCH)
        for name, together, alone in (
            ("act", part.act(latent, noise), part.act(latent[1:2], noise[1:2])),
            ("mean", part.mean(latent), part.mean(latent[1:2])),
        ):
            assert torch.allclose(together[1:2], alone, rtol=1e-4, atol=1e-5), f"{name} mixes rows of the batch"

    def test_takes_copies_at_once_where_it_says_so(self, build: Callable[[], Any]) -> None:
        """What the class names in ``of_copies`` gives each of three copies what that one gives alone."""
        parts = [build() for _ in range(3)]
        for seed, one in enumerate(parts):
            one.initialise(stream(seed, "conformance"))
        stack = StackedPart(parts)
        unknown = set(stack.of_copies) - {"act", "mean"}
        assert not unknown, f"of_copies names {min(unknown)}, and may name act and mean"
        latent, noise = fixed(3, BATCH, _LATENT, name="latent"), torch.stack([_noise(parts[0], BATCH)] * 3)
        for name in stack.of_copies:
            given = (latent, noise) if name == "act" else (latent,)
            alone = torch.stack([getattr(one, name)(*rows) for one, *rows in zip(parts, *given, strict=True)])
            try:
                together = stack.call(name, *given)
            except (RuntimeError, ValueError, IndexError) as error:
                pytest.fail(f"of_copies names {name}, which says of three copies: {error}", pytrace=False)
            same = together.shape == alone.shape and torch.allclose(together, alone, rtol=1e-4, atol=1e-5)
            assert same, f"{name} of copies at once differs from {name} of each alone"

    def test_noise_decides_the_sample(self, part: Any) -> None:
        """Other noise gives another action, and the inputs are left alone."""
        latent, noise = fixed(BATCH, _LATENT, name="latent"), _noise(part, BATCH)
        before = latent.clone(), noise.clone()
        assert not torch.equal(part.act(latent, noise), part.act(latent, noise + 1)), "act ignores its noise"
        assert torch.equal(latent, before[0]) and torch.equal(noise, before[1]), "act changed its inputs in place"

    def test_gradients_reach_every_parameter(self, part: Any) -> None:
        """A loss on sampled actions, and one of its own, moves every parameter, and the former reaches the latents."""
        if isinstance(part, OwnLoss):
            part.own_loss(*_imagined(part)).backward()  # type: ignore[no-untyped-call]
        latent = fixed(BATCH, _LATENT, name="latent").requires_grad_()
        weights = fixed(BATCH, SPACES.action, name="weights")
        (part.act(latent, _noise(part, BATCH)) * weights).sum().backward()
        for name, parameter in part.named_parameters():
            reached = parameter.grad is not None and bool((parameter.grad != 0).any())
            assert reached, f"no gradient reaches {name}"
        assert latent.grad is not None and bool((latent.grad != 0).any()), "no gradient reaches the latents"

    def test_a_loss_of_its_own_moves_the_policy_alone(self, part: Any) -> None:
        """It depends on parameters, says what its gradient is, and leaves what it is given alone."""
        if not isinstance(part, OwnLoss):
            return
        given = _imagined(part)
        before = [None if value is None else value.clone() for value in given]
        loss = part.own_loss(*given)
        assert loss.requires_grad, "own_loss has no gradient: it moves nothing"
        loss.backward()  # type: ignore[no-untyped-call]
        module: Any = part
        moved = [value for value in module.parameters() if value.grad is not None and bool((value.grad != 0).any())]
        assert moved, "own_loss moves no parameter"
        for name, value, kept in zip(("latent", "noise", "action", "gradient", "draws"), given, before, strict=True):
            same = value is None or kept is None or torch.equal(value, kept)
            assert same, f"own_loss changed its {name} in place"

    def test_a_loss_of_its_own_is_a_mean_over_rows(self, part: Any) -> None:
        """Every row twice gives the same loss, so that its weight does not depend on the size of a batch."""
        if not isinstance(part, OwnLoss):
            return
        once = _imagined(part)
        twice = [None if value is None else torch.cat([value, value]) for value in once]
        alone, doubled = part.own_loss(*once), part.own_loss(*twice)  # type: ignore[arg-type]
        assert torch.allclose(alone, doubled, rtol=1e-4, atol=1e-5), "own_loss grows with the number of rows"

    def test_constraining_twice_is_constraining_once(self, part: Any) -> None:
        """After `constrain` the parameters are within bounds: doing it again changes nothing."""
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.mul_(100).sub_(50)
        part.constrain()
        once = {name: value.clone() for name, value in part.state_dict().items()}
        part.constrain()
        assert all(torch.equal(value, once[name]) for name, value in part.state_dict().items()), (
            "constraining a second time changes the parameters"
        )


def _noise(part: Any, batch: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return fixed(*part.noise_shape(batch), name="noise", dtype=dtype)


def _imagined(part: Any, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """What a roll-out hands to a policy's own loss."""
    latent, noise = fixed(BATCH, _LATENT, name="latent", dtype=dtype), _noise(part, BATCH, dtype)
    with torch.no_grad():
        action = part.act(latent, noise)
    shape = part.own_loss_draws(BATCH)
    draws = None if shape is None else fixed(*shape, name="draws", dtype=dtype).sigmoid()
    return latent, noise, action, fixed(BATCH, SPACES.action, name="gradient", dtype=dtype), draws
