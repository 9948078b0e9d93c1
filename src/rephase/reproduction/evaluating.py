"""Playing the episodes of a cohort's runs: between updates, or in a thread of its own while training goes on.

The same policies meet the same episodes either way, and the returns are the same to the bit. Imports torch;
`rephase.reproduction.running` imports this only when there is something to run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from rephase.engine.acting import Actors
from rephase.engine.evaluation import episode_seeds, evaluate
from rephase.environments import SUITE, TaskSet, make
from rephase.manifest import Run
from rephase.protocols import BatchedEnvironment

__all__ = ["BackgroundEvaluation", "Episodes", "EpisodeResults", "play_alone"]


@frozen(eq=False)
class EpisodeResults:
    """What playing episodes gave.

    Args:
        returns: Return of each run's episodes, (R, E), float64.
        starts: First observations, (R, E, S).
    """

    returns: Tensor
    starts: Tensor


class Episodes:
    """Plays episodes of runs, and keeps the environments for the next time.

    Args:
        runs: The runs.
        tasks: The tasks of their phase.
    """

    def __init__(self, runs: Sequence[Run], tasks: TaskSet = SUITE) -> None:
        self._runs = tuple(runs)
        self._tasks = tasks
        self._environments: dict[tuple[str, int], BatchedEnvironment] = {}

    def play(
        self, name: str, count: int, choose: Callable[[Tensor], Tensor], before_each: Callable[[], None]
    ) -> EpisodeResults:
        """Play whole episodes.

        Args:
            name: Which evaluation; decides the episodes' seeds.
            count: Episodes E of each run.
            choose: Maps observations (R, E, S) to actions (R, E, A).
            before_each: Called before each agent step; may raise to end the evaluation.

        Returns:
            What it gave.
        """
        tasks = [self._tasks.find(run.task).index for run in self._runs]
        seeds = [episode_seeds(run.seed, name, count) for run in self._runs]
        environments = {self._tasks.find(run.task).index: self._environment(run.task, count) for run in self._runs}
        starts: list[Tensor] = []

        def act(observation: Tensor) -> Tensor:
            if not starts:
                starts.append(observation.clone())
            before_each()
            return torch.nan_to_num(choose(observation))

        return EpisodeResults(evaluate(act, tasks, seeds, environments), starts[0])

    def close(self) -> None:
        """Give back the environments."""
        for environment in self._environments.values():
            environment.close()
        self._environments.clear()

    def _environment(self, task: str, count: int) -> BatchedEnvironment:
        together = count * sum(run.task == task for run in self._runs)
        if (task, together) not in self._environments:
            self._environments[task, together] = make(self._tasks.find(task), together, 0, self._tasks.spaces)
        return self._environments[task, together]


def play_alone(
    run: Run, tasks: TaskSet, name: str, count: int, act: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> tuple[float, ...]:
    """Play whole episodes of one run with a policy, and nothing else.

    Args:
        run: The run.
        tasks: The phase's tasks.
        name: Which evaluation; decides the episodes' seeds.
        count: Episodes E.
        act: Maps observations (E, S) to actions (E, A).

    Returns:
        Return of each episode, in points.
    """
    playing = Episodes([run], tasks)
    try:
        played = playing.play(name, count, lambda rows: torch.from_numpy(act(rows[0].numpy()))[None], lambda: None)
    finally:
        playing.close()
    return tuple(played.returns[0].tolist())


class BackgroundEvaluation:
    """An evaluation of policies as they were, in a thread of its own.

    Args:
        episodes: What plays; nobody else may use it meanwhile.
        name: Which evaluation.
        count: Episodes of each run.
        actors: The policies; nobody else may use them.
        epoch: When they were so.
    """

    def __init__(self, episodes: Episodes, name: str, count: int, actors: Actors, epoch: int) -> None:
        self.epoch = epoch
        self._actors = actors
        self._acting = threading.Lock()
        self._work = (episodes, name, count)
        self._cancelled = threading.Event()
        self._results: EpisodeResults | None = None
        self._error: BaseException | None = None
        # A daemon: a process that has to end at once does not wait for episodes.
        self._thread = threading.Thread(target=self._play, name=f"evaluation at epoch {epoch}", daemon=True)
        self._thread.start()

    def state_dict(self) -> dict[str, Tensor]:
        """What the policies are, by name: enough to begin this evaluation again."""
        with self._acting:
            return {name: value.clone() for name, value in self._actors.state_dict().items()}

    def wait(self, seconds: float) -> bool:
        """Wait for the end, this long at most; returns whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> EpisodeResults:
        """What it gave, once it is over; raises what the evaluation raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._results is not None
        return self._results

    def cancel(self) -> None:
        """Let the evaluation end with its present step, and wait for that."""
        self._cancelled.set()
        self._thread.join()

    def _play(self) -> None:
        episodes, name, count = self._work
        try:
            self._results = episodes.play(name, count, self._act, self._end_if_cancelled)
        except BaseException as error:
            self._error = error

    def _act(self, observation: Tensor) -> Tensor:
        with self._acting:  # world models put their numbers in order before they are used
            return self._actors.act(observation)

    def _end_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise _Cancelled


class _Cancelled(Exception):
    """Nobody waits for this evaluation any more."""
