"""What this plugin offers, and the settings of its parts."""

from __future__ import annotations

from enum import StrEnum

import attrs
from attrs import field, frozen, validators

from rephase.plugins import Kind, Offer, hookimpl

__all__ = [
    "Encoder",
    "FlowPolicyConfig",
    "FlowWorldModelConfig",
    "MatchedFlowPolicyConfig",
    "TauDraw",
    "VelocityHead",
    "VelocityUnit",
    "rephase_offers",
]

_positive = validators.gt(0)
_sizes = validators.deep_iterable(validators.gt(0))


class VelocityHead(StrEnum):
    """Last layer of the velocity network: a defect of the logged code kept or corrected."""

    AS_LOGGED = "as-logged"
    CORRECTED = "corrected"


class Encoder(StrEnum):
    """What makes latents of observations."""

    MLP = "mlp"
    STANDARDISED = "standardised"


class TauDraw(StrEnum):
    """Where on the path the flow-matching loss looks."""

    UNIFORM = "uniform"
    EARLY = "early"
    MIDPOINT = "midpoint"


class VelocityUnit(StrEnum):
    """What one unit of an entry of the velocity network's output is."""

    LATENT = "latent"
    DISPLACEMENT = "displacement"


@frozen(kw_only=True)
class FlowWorldModelConfig:
    """Sizes of the flow world model; the defaults are the log's.

    Args:
        latent_size: Width L of a latent, a multiple of ``simnorm``.
        encoder: ``mlp`` is learned and ends in SimNorm. ``standardised`` is not learned: the latent is the observation,
            each entry less its mean and over its deviation in the run's episodes; ``latent_size`` is then the width of
            an observation, and ``encoder_units`` are not used.
        encoder_units: Hidden widths of the encoder.
        units: Hidden widths of the velocity and reward networks.
        task_size: Width E of a task's embedding.
        bins: Number K of reward bins.
        lowest: First bin, symlog units.
        highest: Last bin, symlog units.
        simnorm: Entries of one SimNorm group.
        substeps: Integrator steps of one agent step.
        velocity_head: ``as-logged`` ends in SimNorm, so that velocities are positive; ``corrected`` is linear.
        tau: Where the flow-matching loss looks: drawn uniformly; ``early``, the cube of a uniform draw, so that half
            lie below 1/8; or always at the ``midpoint``, 0.5.
        velocity_unit: What the velocity network and the flow-matching loss count in: ``latent``, the latent's own
            units, as the log; or ``displacement``, for each entry the deviation of its change in one agent step in the
            run's episodes, so that slow entries weigh as much as fast ones. Only for standardised latents.
        angles: Whether the velocity and reward networks also see sine and cosine of every entry of the observation, in
            its own units: radians, where it is an angle. Only for standardised latents.
    """

    latent_size: int = field(default=768, validator=_positive)
    encoder: Encoder = field(default=Encoder.MLP, converter=Encoder)
    encoder_units: tuple[int, ...] = field(default=(1788, 1788, 1788), validator=_sizes)
    units: tuple[int, ...] = field(default=(1788, 1788), validator=_sizes)
    task_size: int = field(default=64, validator=_positive)
    bins: int = field(default=101, validator=validators.gt(1))
    lowest: float = -10.0
    highest: float = 10.0
    simnorm: int = field(default=8, validator=_positive)
    substeps: int = field(default=4, validator=_positive)
    velocity_head: VelocityHead = field(default=VelocityHead.AS_LOGGED, converter=VelocityHead)
    tau: TauDraw = field(default=TauDraw.UNIFORM, converter=TauDraw)
    velocity_unit: VelocityUnit = field(default=VelocityUnit.LATENT, converter=VelocityUnit)
    angles: bool = field(default=False)

    @latent_size.validator
    def _groups(self, attribute: object, value: int) -> None:
        # Attrs runs validators after all fields are set, so the group size is known here.
        if value % self.simnorm:
            raise ValueError(f"must be a multiple of simnorm = {self.simnorm}, found {value}")

    @velocity_unit.validator
    @angles.validator
    def _of_observations(self, attribute: attrs.Attribute[object], value: object) -> None:
        if value in (VelocityUnit.DISPLACEMENT, True) and self.encoder is not Encoder.STANDARDISED:
            raise ValueError(f"needs encoder = 'standardised', found {self.encoder.value!r}")


@frozen(kw_only=True)
class FlowPolicyConfig:
    """Settings of the flow-ODE policy; the defaults are the log's.

    Args:
        units: Hidden widths of the velocity network.
        substeps: Integrator steps of one action.
        initial_log_std: Log standard deviation of the start point at the start, every action entry.
        lowest_log_std: Floor the log standard deviation is held to.
    """

    units: tuple[int, ...] = field(default=(400, 200, 100), validator=_sizes)
    substeps: int = field(default=2, validator=_positive)
    initial_log_std: float = -1.0
    lowest_log_std: float = -10.0


@frozen(kw_only=True)
class MatchedFlowPolicyConfig(FlowPolicyConfig):
    """Settings of the flow-ODE policy that is also trained by flow matching.

    Args:
        matching: Weight of the flow-matching loss beside the loss of the return; 0 leaves the flow-ODE policy.
        improvement: Longest step, before squashing, by which an action is improved to make the flow's goal.
    """

    matching: float = field(default=0.1, validator=validators.ge(0.0))
    improvement: float = field(default=0.1, validator=validators.gt(0.0))


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the world model ``flow`` and the policies ``flow-ode`` and ``flow-matched``."""
    return [
        Offer(
            kind=Kind.WORLD_MODEL,
            name="flow",
            summary="latents that follow a learned velocity, trained by flow matching",
            config=FlowWorldModelConfig,
            loader="rephase_flow.world_model:FlowWorldModel",
            takes_integrator=True,
        ),
        Offer(
            kind=Kind.POLICY,
            name="flow-ode",
            summary="actions that follow a learned velocity from Gaussian noise",
            config=FlowPolicyConfig,
            loader="rephase_flow.policy:FlowPolicy",
            takes_integrator=True,
        ),
        Offer(
            kind=Kind.POLICY,
            name="flow-matched",
            summary="flow-ode whose flow is also matched to actions that the return improved",
            config=MatchedFlowPolicyConfig,
            loader="rephase_flow.matched:MatchedFlowPolicy",
            takes_integrator=True,
        ),
    ]
