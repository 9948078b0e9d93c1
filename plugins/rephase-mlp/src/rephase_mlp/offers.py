"""What this plugin offers, and the settings of its parts."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen, validators

from rephase.plugins import Kind, Offer, hookimpl

__all__ = ["Encoder", "GaussianGRUConfig", "GaussianPolicyConfig", "MLPWorldModelConfig", "rephase_offers"]

_positive = validators.gt(0)
_sizes = validators.deep_iterable(validators.gt(0))


class Encoder(StrEnum):
    """What makes latents of observations."""

    MLP = "mlp"
    STANDARDISED = "standardised"


@frozen(kw_only=True)
class MLPWorldModelConfig:
    """Sizes of the MLP world model; the defaults are the log's.

    Args:
        latent_size: Width L of a latent, a multiple of ``simnorm``.
        encoder: ``mlp`` is learned and ends in SimNorm. ``standardised`` is not learned: the latent is the observation,
            each entry less its mean and over its deviation in the episodes the model is fitted to; ``latent_size`` is
            then the width of an observation, and ``encoder_units`` are not used.
        encoder_units: Hidden widths of the encoder.
        units: Hidden widths of the dynamics and reward networks.
        task_size: Width E of a task's embedding.
        bins: Number K of reward bins.
        lowest: First bin, symlog units.
        highest: Last bin, symlog units.
        simnorm: Entries of one SimNorm group.
    """

    latent_size: int = field(default=768, validator=_positive)
    encoder: Encoder = field(default=Encoder.MLP, converter=Encoder)
    encoder_units: tuple[int, ...] = field(default=(1792, 1792, 1792), validator=_sizes)
    units: tuple[int, ...] = field(default=(1792, 1792), validator=_sizes)
    task_size: int = field(default=64, validator=_positive)
    bins: int = field(default=101, validator=validators.gt(1))
    lowest: float = -10.0
    highest: float = 10.0
    simnorm: int = field(default=8, validator=_positive)

    @latent_size.validator
    def _groups(self, attribute: object, value: int) -> None:
        # Attrs runs validators after all fields are set, so the group size is known here.
        if value % self.simnorm:
            raise ValueError(f"must be a multiple of simnorm = {self.simnorm}, found {value}")


@frozen(kw_only=True)
class GaussianGRUConfig:
    """Sizes of the recurrent Gaussian world model.

    Args:
        memory: Width M of what it remembers; a latent is as wide as an observation and this together.
        units: Hidden widths of the networks for the next observation and for the reward.
        task_size: Width E of a task's embedding.
        lowest_std: Least standard deviation of a step, in deviations of an observation.
        highest_std: Largest standard deviation of a step.
    """

    memory: int = field(default=64, validator=_positive)
    units: tuple[int, ...] = field(default=(256, 256), validator=_sizes)
    task_size: int = field(default=16, validator=_positive)
    lowest_std: float = field(default=0.01, validator=validators.gt(0.0))
    highest_std: float = field(default=1.0, validator=validators.gt(0.0))

    @highest_std.validator
    def _order(self, attribute: object, value: float) -> None:
        if value <= self.lowest_std:
            raise ValueError(f"must be above lowest_std = {self.lowest_std}, found {value}")


@frozen(kw_only=True)
class GaussianPolicyConfig:
    """Settings of the Gaussian policy; the defaults are the log's.

    Args:
        units: Hidden widths.
        initial_log_std: Log standard deviation of the noise at the start, every action entry.
        lowest_log_std: Floor the log standard deviation is held to.
    """

    units: tuple[int, ...] = field(default=(400, 200, 100), validator=_sizes)
    initial_log_std: float = -1.0
    lowest_log_std: float = -1.427


@hookimpl
def rephase_offers() -> list[Offer]:
    """Offer the world models ``mlp`` and ``gaussian-gru`` and the policy ``gaussian-mlp``."""
    return [
        Offer(
            kind=Kind.WORLD_MODEL,
            name="mlp",
            summary="TD-MPC2-style MLP latent dynamics with a two-hot reward head",
            config=MLPWorldModelConfig,
            loader="rephase_mlp.world_model:MLPWorldModel",
        ),
        Offer(
            kind=Kind.POLICY,
            name="gaussian-mlp",
            summary="MLP mean with state-independent Gaussian noise",
            config=GaussianPolicyConfig,
            loader="rephase_mlp.policy:GaussianPolicy",
        ),
        Offer(
            kind=Kind.WORLD_MODEL,
            name="gaussian-gru",
            summary="remembers by a gated unit, draws Gaussian steps, rewards as a Gaussian",
            config=GaussianGRUConfig,
            loader="rephase_mlp.recurrent:GaussianGRU",
        ),
    ]
