"""How much is done for a new world model, in numbers that a command line can change. Imports no torch."""

from __future__ import annotations

from attrs import field, frozen, validators

from rephase.manifest.algorithm import Algorithm, Variants

__all__ = ["EXTRACTION", "PretrainSchedule"]

EXTRACTION = Algorithm(
    epochs=300,
    batch_size=64,
    horizon=5,
    actor_lr=1e-3,
    critic_lr=1e-3,
    critics=2,
    critic_units=(128, 64),
    critic_iterations=4,
    critic_batches=4,
    variants=Variants.corrected(),
)
"""Strong enough to find what is wrong with a world model: weaker extraction reached 250 where this reached 650."""

_positive = validators.ge(1)


@frozen(kw_only=True)
class PretrainSchedule:
    """What a new world model is made with.

    Args:
        explore: Episodes of random actions to begin with, of each task.
        first_fit: Updates of the first fit, on those alone.
        rounds: Rounds; in each, fresh policies are extracted in the latest model and played, and it is fitted on.
        policies: Policies of each task in one round.
        epochs: Updates that extract the policies of one round.
        episodes: Episodes each policy plays; the first without noise, so that its return is the policy's.
        noise: Standard deviations of the noise on the actions of the other episodes, taken in turn.
        round_fit: Updates of the fit in one round.
        final_fit: Updates of the last, annealed fit on everything.
        batch_size: Slices of one update.
        horizon: Steps of a slice.
        start_states: Start states of each task that are kept.
        seed: Seed of everything.
    """

    explore: int = field(default=20, validator=_positive)
    first_fit: int = field(default=500, validator=_positive)
    rounds: int = field(default=16, validator=_positive)
    policies: int = field(default=3, validator=_positive)
    epochs: int = field(default=200, validator=_positive)
    episodes: int = field(default=4, validator=_positive)
    noise: tuple[float, ...] = field(default=(0.2, 0.0, 0.5), validator=validators.min_len(1))
    round_fit: int = field(default=300, validator=_positive)
    final_fit: int = field(default=2_000, validator=_positive)
    batch_size: int = field(default=128, validator=_positive)
    horizon: int = field(default=5, validator=_positive)
    start_states: int = field(default=8_000, validator=_positive)
    seed: int = field(default=1, validator=validators.ge(0))
