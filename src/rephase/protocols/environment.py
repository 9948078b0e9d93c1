"""What an environment is: many episodes of one task in lockstep, padded to the suite's common sizes.

Observations are float32 (N, 24) and actions (N, 6), both padded at the end: N episodes of one of the 30 tasks.
Rewards are float64 (N,) per agent step, between 0 and 2; an episode has 500 agent steps and never ends early.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BatchedEnvironment"]


@runtime_checkable
class BatchedEnvironment(Protocol):
    """N episodes of one task, stepped together."""

    def reset(self, seeds: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Start N new episodes.

        Args:
            seeds: One seed for each episode's own random stream; None continues the streams already there.

        Returns:
            First observations, (N, 24).
        """
        ...

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64], bool]:
        """Advance all episodes by one agent step (two control steps).

        Args:
            action: Actions in [-1, 1], (N, 6); entries beyond the task's own are ignored.

        Returns:
            Observations (N, 24), rewards (N,), and whether the episodes are over (all at once).
        """
        ...

    def task_index(self) -> int:
        """Index of the task in the suite, 0 to 29."""
        ...

    def close(self) -> None:
        """Give back threads and memory."""
        ...
