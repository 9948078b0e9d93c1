"""The settings of policy extraction as plain values: what a manifest pins and the engine obeys.

Defaults are what the log ran. Nothing here computes anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import field, frozen, validators

__all__ = ["Algorithm", "Arithmetic", "Precision", "Variant", "Variants"]


class Variant(StrEnum):
    """Whether a known defect of the logged code is kept or corrected."""

    AS_LOGGED = "as-logged"
    CORRECTED = "corrected"


class Precision(StrEnum):
    """Arithmetic of matrix products while training; TF32 needs a GPU, and a CPU takes float32 in its place."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


class Arithmetic(StrEnum):
    """Which instructions of a CPU compute: the same everywhere, bit for bit, or whatever is fastest on each machine."""

    PORTABLE = "portable"
    NATIVE = "native"


@frozen(kw_only=True)
class Variants:
    """Known defects of the logged code that change a number, each kept or corrected on its own.

    Args:
        reward_loss: Regression of every logit onto the reward, or soft cross-entropy against its two-hot code.
        td_targets: One-step targets (a done mask of ones), or the lambda-return.
        bootstrap: Discount gamma^(H+1) of the last value, or gamma^H.
        task_embedding: Kept out of the optimiser with a gradient that is never cleared, or trained like the rest.
        mask_actions: Padded action entries reach the world model, or are set to zero first.
        episode_sampling: Episodes redrawn with replacement per chunk, or each used once.
    """

    reward_loss: Variant = field(default=Variant.AS_LOGGED, converter=Variant)
    td_targets: Variant = field(default=Variant.AS_LOGGED, converter=Variant)
    bootstrap: Variant = field(default=Variant.AS_LOGGED, converter=Variant)
    task_embedding: Variant = field(default=Variant.AS_LOGGED, converter=Variant)
    mask_actions: Variant = field(default=Variant.AS_LOGGED, converter=Variant)
    episode_sampling: Variant = field(default=Variant.AS_LOGGED, converter=Variant)

    @classmethod
    def corrected(cls) -> Variants:
        """Every defect corrected."""
        return cls(
            reward_loss=Variant.CORRECTED,
            td_targets=Variant.CORRECTED,
            bootstrap=Variant.CORRECTED,
            task_embedding=Variant.CORRECTED,
            mask_actions=Variant.CORRECTED,
            episode_sampling=Variant.CORRECTED,
        )


_positive = validators.gt(0)
_amount = validators.gt(0.0)
_discount = validators.and_(validators.gt(0.0), validators.le(1.0))
_mixing = validators.and_(validators.ge(0.0), validators.lt(1.0))
_share = validators.and_(validators.ge(0), validators.le(1))
_sizes = validators.deep_iterable(validators.gt(0))
_betas: Any = validators.and_(
    validators.deep_iterable(validators.and_(validators.ge(0), validators.lt(1))),
    validators.min_len(2),
    validators.max_len(2),
)


@frozen(kw_only=True)
class Algorithm:
    """How policies are extracted from a world model by first-order gradients, and how the model is trained beside them.

    Args:
        epochs: Updates in all; the learning rates fall linearly over them.
        horizon: Imagined steps H of one roll-out.
        batch_size: Start states B of one update.
        gamma: Discount of one agent step.
        lam: Mixing factor of the lambda-return.
        actor_lr: First learning rate of the policy.
        critic_lr: First learning rate of the critics.
        model_lr: First learning rate of the world model.
        final_lr: Learning rate all three fall to.
        actor_betas: Adam's decay rates for the policy.
        critic_betas: Adam's decay rates for the critics.
        model_betas: Adam's decay rates for the world model.
        adam_eps: Adam's denominator offset.
        actor_grad_norm: Largest joint gradient norm of the policy.
        critic_grad_norm: Largest joint gradient norm of the critics.
        model_grad_norm: Largest joint gradient norm of the world model.
        critics: Size C of the critic ensemble; its value is the minimum.
        critic_units: Hidden widths of a critic.
        critic_iterations: Passes over the imagined states in one update.
        critic_batches: Chunks of one pass.
        normalise_returns: Whether the actor loss is divided by the running spread of returns.
        finetune_world_model: Whether the world model trains too; frozen otherwise.
        model_updates: Steps of the world model in one update, where it trains, each on slices of its own; the policy
            starts from the last ones. The log made one.
        dynamics_weight: Weight of the transition loss in the world-model loss.
        reward_weight: Weight of the reward loss in the world-model loss.
        precision: Arithmetic of matrix products while training; evaluations are always in float32.
        variants: Which defects of the logged code are kept.
    """

    epochs: int = field(default=10_000, validator=_positive)
    horizon: int = field(default=16, validator=_positive)
    batch_size: int = field(default=512, validator=_positive)
    gamma: float = field(default=0.99, validator=_discount)
    lam: float = field(default=0.95, validator=_mixing)
    actor_lr: float = field(default=5e-4, validator=_amount)
    critic_lr: float = field(default=5e-4, validator=_amount)
    model_lr: float = field(default=3e-4, validator=_amount)
    final_lr: float = field(default=1e-5, validator=validators.ge(0.0))
    actor_betas: tuple[float, ...] = field(default=(0.7, 0.95), validator=_betas)
    critic_betas: tuple[float, ...] = field(default=(0.7, 0.95), validator=_betas)
    model_betas: tuple[float, ...] = field(default=(0.9, 0.999), validator=_betas)
    adam_eps: float = field(default=1e-8, validator=_amount)
    actor_grad_norm: float = field(default=1.0, validator=_amount)
    critic_grad_norm: float = field(default=100.0, validator=_amount)
    model_grad_norm: float = field(default=20.0, validator=_amount)
    critics: int = field(default=3, validator=_positive)
    critic_units: tuple[int, ...] = field(default=(400, 200), validator=_sizes)
    critic_iterations: int = field(default=8, validator=_positive)
    critic_batches: int = field(default=4, validator=_positive)
    normalise_returns: bool = True
    finetune_world_model: bool = False
    model_updates: int = field(default=1, validator=_positive)
    dynamics_weight: float = field(default=1.0, validator=validators.ge(0.0))
    reward_weight: float = field(default=1.0, validator=validators.ge(0.0))
    precision: Precision = field(default=Precision.FLOAT32, converter=Precision)
    variants: Variants = field(factory=Variants)

    def learning_rate(self, first: float, epoch: int) -> float:
        """Learning rate of an epoch on the straight line from ``first`` to ``final_lr`` over ``epochs``."""
        return first + (self.final_lr - first) * epoch / self.epochs
