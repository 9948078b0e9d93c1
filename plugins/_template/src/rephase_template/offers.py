"""What this plugin offers. Imports no torch: rephase lists plugins on machines without it."""

from __future__ import annotations

from attrs import field, frozen, validators

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["TemplateConfig", "rephase_offers"]


@frozen(kw_only=True)
class TemplateConfig:
    """Settings of the integrator.

    Args:
        node: Where in the step the second slope is taken, in (0, 1]; 2/3 is Ralston's choice.
    """

    node: float = field(default=2 / 3, validator=[validators.gt(0), validators.le(1)])


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the integrator ``template``."""
    return [
        Offer(
            kind=Kind.INTEGRATOR,
            name="template",
            summary="two-stage explicit method, order 2, 2 evaluations a step",
            config=TemplateConfig,
            loader="rephase_template.template:build",
        )
    ]
