"""Every number of the recipe, in one place.

Changing one makes another world model, and so moves every recorded outcome of the embedded scale.
"""

from __future__ import annotations

from attrs import evolve, frozen
from rephase_mlp.offers import MLPWorldModelConfig

from rephase.engine.pretraining import Pretraining
from rephase.manifest.algorithm import Algorithm
from rephase.reproduction.pretraining.schedule import EXTRACTION

__all__ = ["RECIPE", "Behaviour", "Heldout", "Packing", "Recipe", "Rounds"]


@frozen(kw_only=True)
class Behaviour:
    """One model-free agent whose whole life is kept.

    Args:
        task: Name of its task.
        seed: Seed of the agent and of its task.
        steps: Agent steps it learns for.
        learning_rate: Of all its networks.
        random_steps: Agent steps it acts at random first.
    """

    task: str
    seed: int
    steps: int
    learning_rate: float = 5e-4
    random_steps: int = 1_000


@frozen(kw_only=True)
class Rounds:
    """Rounds of policies extracted from fresh seeds in the latest world model, whose real episodes are added.

    While the policies of a round are extracted, the world model is already fitted on; so round k acts in model k-1.

    Args:
        count: Number of rounds.
        policies: Policies of each task in one round, in the order of the tasks.
        played_after: Epochs after which the policies are played; the last is the end of their extraction.
        episodes: Real episodes of one policy each time it is played; the first is without noise.
        noise: Standard deviations of the exploration noise; all episodes but the first take them in turn.
        extraction: How policies are extracted.
        policy_units: Hidden widths of the Gaussian policies.
        fit: How the world model is fitted on during one round.
        shares: Part of the slices of that fit that is each task's, in the order of the tasks.
    """

    count: int
    policies: tuple[int, ...]
    played_after: tuple[int, ...]
    episodes: int
    noise: tuple[float, ...]
    extraction: Algorithm
    policy_units: tuple[int, ...]
    fit: Pretraining
    shares: tuple[float, ...]


@frozen(kw_only=True)
class Packing:
    """What is shipped beside the world model.

    Args:
        start_states: Start observations of one task.
        episodes: Whole episodes of one task, the newest first.
    """

    start_states: int
    episodes: int


@frozen(kw_only=True)
class Heldout:
    """How the world model is judged on policies from seeds that no data came from.

    Args:
        seeds: Seeds of the policies.
        episodes: Real episodes of one policy.
        extraction: How the policies are extracted.
        policy_units: Hidden widths of the Gaussian policies.
        steps: Prediction errors are given this many agent steps ahead.
    """

    seeds: tuple[int, ...]
    episodes: int
    extraction: Algorithm
    policy_units: tuple[int, ...]
    steps: tuple[int, ...]


@frozen(kw_only=True)
class Recipe:
    """The whole recipe.

    Args:
        seed: Seed of everything but the agents of the behaviour data.
        tasks: Names of the tasks.
        behaviour: The model-free agents.
        model: Sizes of the world model.
        first_fit: Fit on the behaviour data alone.
        rounds: Blocks of rounds, one after the other; the first fit has the shares of the first block.
        final_fit: Last, annealed fit on everything, from the last round's model, with the shares of the last block.
        packing: What is shipped.
        heldout: How the result is judged.
        threads: Threads of the final fit; all else uses one in each of two processes.
    """

    seed: int
    tasks: tuple[str, ...]
    behaviour: tuple[Behaviour, ...]
    model: MLPWorldModelConfig
    first_fit: Pretraining
    rounds: tuple[Rounds, ...]
    final_fit: Pretraining
    packing: Packing
    heldout: Heldout
    threads: int = 2

    @property
    def round_count(self) -> int:
        """Rounds of all blocks."""
        return sum(block.count for block in self.rounds)


_ROUNDS = Rounds(
    count=13,
    policies=(4, 4, 4),
    played_after=(300,),
    episodes=8,
    noise=(0.0, 0.2, 0.0, 0.5),
    extraction=EXTRACTION,
    policy_units=(128, 64),
    fit=Pretraining(steps=700, batch_size=256, horizon=5, warmup=50, first_lr=8e-4, final_lr=1e-4),
    shares=(0.3, 0.4, 0.3),
)

RECIPE = Recipe(
    seed=20_250,
    tasks=("reacher-easy", "walker-stand", "cheetah-run"),
    behaviour=(
        Behaviour(task="cheetah-run", seed=1, steps=72_500),
        Behaviour(task="reacher-easy", seed=1, steps=32_500),
        Behaviour(task="walker-stand", seed=1, steps=25_000),
        Behaviour(task="walker-stand", seed=2, steps=20_000, learning_rate=1e-3),
    ),
    model=MLPWorldModelConfig(latent_size=256, encoder_units=(256,), units=(320, 320), task_size=16),
    first_fit=Pretraining(steps=2_000, batch_size=256, horizon=5, warmup=100, final_lr=1e-4),
    rounds=(
        _ROUNDS,
        # By now the other two agree with their predictions; cheetah-run is promised twice what it gets.
        evolve(
            _ROUNDS,
            count=8,
            policies=(3, 2, 7),
            played_after=(100, 300),
            fit=evolve(_ROUNDS.fit, steps=900),
            shares=(0.25, 0.25, 0.5),
        ),
    ),
    final_fit=Pretraining(steps=6_000, batch_size=256, horizon=6, warmup=100, final_lr=1e-5),
    packing=Packing(start_states=8_000, episodes=100),
    heldout=Heldout(
        seeds=(7, 8, 9),
        episodes=10,
        extraction=EXTRACTION,
        policy_units=(128, 64),
        steps=(1, 2, 4, 8, 16, 32),
    ),
)
"""The recipe of the shipped assets; the README beside them says where their own making differed."""
