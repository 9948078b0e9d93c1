"""The sizes that parts agree on."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Spaces"]


@frozen
class Spaces:
    """Sizes of the task suite a part is built for.

    Args:
        observation: Width S of a padded observation.
        action: Width A of a padded action.
        action_sizes: Width of each task's own action, by task index; the rest of an action is padding.
    """

    observation: int
    action: int
    action_sizes: tuple[int, ...]

    @property
    def tasks(self) -> int:
        """Number of tasks in the suite."""
        return len(self.action_sizes)
