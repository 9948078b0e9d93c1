"""What this plugin offers."""

from __future__ import annotations

from attrs import field, frozen, validators

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["AdaptiveConfig", "rephase_offers"]


@frozen(kw_only=True)
class AdaptiveConfig:
    """How accurate a step has to be.

    Args:
        rtol: Largest local error relative to the state.
        atol: Largest absolute local error.
    """

    rtol: float = field(default=1e-4, validator=validators.gt(0.0))
    atol: float = field(default=1e-5, validator=validators.gt(0.0))


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the integrators ``dopri5``, ``bosh3`` and ``adaptive-heun``."""
    return [
        Offer(
            kind=Kind.INTEGRATOR,
            name=name,
            summary=f"{title}, order {order}, adaptive, by torchdiffeq",
            config=AdaptiveConfig,
            loader=f"rephase_torchdiffeq.adaptive:{builder}",
        )
        for name, builder, title, order in (
            ("dopri5", "dopri5", "Dormand-Prince", 5),
            ("bosh3", "bosh3", "Bogacki-Shampine", 3),
            ("adaptive-heun", "adaptive_heun", "Heun with an embedded error estimate", 2),
        )
    ]
