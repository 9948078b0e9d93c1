"""What an environment is: many episodes of one task in lockstep, padded to sizes that all tasks of a phase share.

Observations are float32 (N, S) and actions (N, A), both padded at the end: N episodes of one task. Among the log's 30
tasks alone S is 24 and A is 6. Rewards are float64 (N,) per agent step; all episodes have the agent steps that the task
says, and none ends early.
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
            First observations, (N, S), zero beyond the task's own size.
        """
        ...

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64], bool]:
        """Advance all episodes by one agent step.

        Args:
            action: Actions in [-1, 1], (N, A); entries beyond the task's own are ignored.

        Returns:
            Observations (N, S), rewards (N,), and whether the episodes are over (all at once).
        """
        ...

    def task_index(self) -> int:
        """Row of the task in the embedding of a world model; 0 to 29 for the log's."""
        ...

    def close(self) -> None:
        """Give back threads and memory."""
        ...
