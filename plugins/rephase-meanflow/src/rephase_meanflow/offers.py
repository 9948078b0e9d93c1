"""What this plugin offers."""

from __future__ import annotations

from attrs import field, frozen, validators

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["MeanFlowConfig", "rephase_offers"]


@frozen(kw_only=True)
class MeanFlowConfig:
    """Settings of the policy.

    Args:
        units: Hidden widths.
        initial_log_std: Log standard deviation of the start point at the start, every action entry.
        lowest_log_std: Floor the log standard deviation is held to.
    """

    units: tuple[int, ...] = field(default=(400, 200, 100), validator=validators.deep_iterable(validators.gt(0)))
    initial_log_std: float = -1.0
    lowest_log_std: float = -10.0


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the policy ``mean-flow``."""
    return [
        Offer(
            kind=Kind.POLICY,
            name="mean-flow",
            summary="actions one learned average velocity away from Gaussian noise",
            config=MeanFlowConfig,
            loader="rephase_meanflow.policy:MeanFlowPolicy",
        )
    ]
