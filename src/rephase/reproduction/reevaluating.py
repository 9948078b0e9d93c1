"""Evaluating kept policies again with new episodes, beside what the protocol's episodes said.

A protocol of few episodes can be far off where an episode scores 0 or about 1000. Nothing is trained and no record is
changed. Imports torch only where something is played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rephase.judging import episode_noise
from rephase.judging.plain import plain
from rephase.judging.samples import sample
from rephase.manifest import Run
from rephase.manifest.record import Record
from rephase.reproduction.storing import Store

if TYPE_CHECKING:
    pass

__all__ = ["EVALUATION", "CellNoise", "Reevaluation", "noise_of_cells", "reevaluate"]

EVALUATION = "evaluate"
"""Name of the new evaluation; with it and the run's seed its episodes are drawn, none of which the protocol played."""


@frozen(kw_only=True)
class Reevaluation:
    """One run's policy, evaluated twice.

    Args:
        run: The run.
        before: Returns of the protocol's episodes, in points.
        after: Returns of the new ones.
    """

    run: Run
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def mean_before(self) -> float:
        """Mean of the protocol's episodes: the recorded reward."""
        return sample(self.before).mean

    @property
    def mean_after(self) -> float:
        """Mean of the new episodes."""
        return sample(self.after).mean

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            **plain(self.run),
            "before": list(self.before),
            "after": list(self.after),
            "mean_before": self.mean_before,
            "mean_after": self.mean_after,
        }


@frozen(kw_only=True)
class CellNoise:
    """How a cell's seeds spread, beside how their episodes alone would make them spread.

    Args:
        config: Name of the configuration.
        task: Name of the task.
        sd_before: Between-seed standard deviation by the protocol's episodes; NaN below two runs.
        noise_before: What those episodes alone would give; NaN for one episode.
        sd_after: The same by the new episodes.
        noise_after: What those alone would give.
    """

    config: str
    task: str
    sd_before: float
    noise_before: float
    sd_after: float
    noise_after: float


def reevaluate(
    store: Store, project: Path, records: Sequence[Record], episodes: int, say: Callable[[str], None]
) -> Iterator[Reevaluation]:
    """Play new episodes with kept policies, run by run.

    Args:
        store: Where the runs are.
        project: Folder of the project.
        records: Records of the runs.
        episodes: New episodes of each.
        say: Called with a line before each run.

    Yields:
        What each gave.

    Raises:
        InputMismatch: The policy, its world model or the configuration is no longer the recorded one.
    """
    from rephase.reproduction.evaluating import play_alone
    from rephase.reproduction.phases import tasks_of
    from rephase.reproduction.trained import trained_policy

    for record in records:
        say(f"{record.run.label}: {episodes} episodes")
        _, act = trained_policy(store.folder_of(record.run), project)
        returns = play_alone(record.run, tasks_of(store.phase), EVALUATION, episodes, act)
        yield Reevaluation(run=record.run, before=record.episode_returns, after=returns)


def noise_of_cells(reevaluations: Sequence[Reevaluation]) -> tuple[CellNoise, ...]:
    """Set the spread between seeds of every cell beside what its episodes alone would give."""
    cells: dict[tuple[str, str], list[Reevaluation]] = {}
    for one in reevaluations:
        cells.setdefault((one.run.config, one.run.task), []).append(one)
    return tuple(
        CellNoise(
            config=config,
            task=task,
            sd_before=sample([one.mean_before for one in own]).sd,
            noise_before=episode_noise([one.before for one in own]),
            sd_after=sample([one.mean_after for one in own]).sd,
            noise_after=episode_noise([one.after for one in own]),
        )
        for (config, task), own in cells.items()
    )
