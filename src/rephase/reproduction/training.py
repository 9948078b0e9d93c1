"""Training and evaluating one cohort: the runs of a config as one program, saved on the way and resumed bit for bit.

Imports torch; `rephase.reproduction.running` imports this only when there is something to run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from rephase.engine.checkpoints import read_tensors, write_tensors
from rephase.engine.cohort import Cohort, Member
from rephase.engine.evaluation import episode_seeds, evaluate
from rephase.environments import SPACES, find_task, make
from rephase.errors import CheckpointError, RunFailed
from rephase.manifest import Phase, Run
from rephase.manifest.record import CurvePoint
from rephase.manifest.schema import Plan
from rephase.protocols import BatchedEnvironment, WorldModel
from rephase.reproduction.composing import Composition, build_policy, build_world_model
from rephase.reproduction.stopping import Stopping
from rephase.reproduction.weights import world_model_tensors

__all__ = ["CohortTraining", "Measured", "Progress", "load_start_states", "load_world_model"]

_CURVE_ROWS = 200
_GPU_EPOCHS = 10


@frozen
class Progress:
    """How far a cohort is.

    Args:
        config: Name of the config.
        epoch: Updates done.
        epochs: Updates in all.
        seconds_left: Estimate from the pace of this attempt; None before there is one.
        returns: Latest mean return of each run; empty before the first evaluation.
        note: What is going on besides training, such as ``evaluating``; empty for nothing.
    """

    config: str
    epoch: int
    epochs: int
    seconds_left: float | None
    returns: Mapping[Run, float]
    note: str = ""


@frozen(eq=False)
class Measured:
    """What one run of a cohort measured.

    Args:
        episode_returns: Returns of the evaluation.
        plan_episode_returns: Returns of the second evaluation; empty where there is none.
        curve: Evaluations, the last included.
        metrics: Columns of training metrics.
        policy: Parameters of the trained policy.
    """

    episode_returns: tuple[float, ...]
    plan_episode_returns: tuple[float, ...]
    curve: tuple[CurvePoint, ...]
    metrics: Mapping[str, tuple[float, ...]]
    policy: Mapping[str, Tensor]


class CohortTraining:
    """Runs of one config, trained together from the first epoch or from a checkpoint.

    Args:
        phase: The phase.
        config: Name of the config.
        runs: The runs, all of this config.
        composition: Its parts.
        inputs: Digest of each input, already verified.
        checkpoint: Where the state is kept.
        device: Where to compute.
        stopping: Requests from outside.
        report: Called with every `Progress`.
        checkpoint_seconds: Time between checkpoints.
    """

    def __init__(
        self,
        phase: Phase,
        config: str,
        runs: Sequence[Run],
        composition: Composition,
        inputs: Mapping[str, str],
        checkpoint: Path,
        device: str,
        stopping: Stopping,
        report: Callable[[Progress], None],
        checkpoint_seconds: float,
    ) -> None:
        self.config = config
        self.runs = tuple(runs)
        self.failures: dict[Run, RunFailed] = {}
        self.resumed = False
        self.seconds_before = 0.0
        self._phase = phase
        self._checkpoint = checkpoint
        self._stopping = stopping
        self._report = report
        self._checkpoint_seconds = checkpoint_seconds
        self._curves: dict[Run, list[CurvePoint]] = {run: [] for run in self.runs}
        self._metrics: list[tuple[int, tuple[Mapping[str, float], ...]]] = []
        self._environments: dict[tuple[str, int], BatchedEnvironment] = {}
        self._started = time.monotonic()
        self._saved = self._started
        self._first_epoch = 0
        use = phase.manifest.configs[config]
        world_model = load_world_model(composition, phase.path_of(use.world_model), inputs[use.world_model])
        tasks = sorted({run.task for run in self.runs})
        starts = load_start_states(phase.path_of(use.start_states), inputs[use.start_states], tasks)
        self.cohort = Cohort(
            world_model,
            lambda: build_policy(composition.policy, world_model.latent_size(), SPACES.action),
            phase.manifest.algorithm,
            [Member(find_task(run.task).index, run.seed) for run in self.runs],
            {find_task(task).index: rows for task, rows in starts.items()},
            SPACES,
            composition.policy.stackable,
            device,
        )
        if checkpoint.exists():
            self._resume()

    @property
    def seconds(self) -> float:
        """Time spent on these runs, earlier attempts included."""
        return self.seconds_before + time.monotonic() - self._started

    def train(self) -> None:
        """Train to the last epoch, evaluating and saving on the way.

        Raises:
            Stopped: Somebody asked to stop; the state is saved.
            RunFailed: Every run failed.
        """
        algorithm, evaluation = self._phase.manifest.algorithm, self._phase.manifest.evaluation
        stride = max(1, algorithm.epochs // _CURVE_ROWS)
        self._tell()
        while self.cohort.epoch < algorithm.epochs:
            self._answer_requests()
            self.cohort.advance(self._epochs_to_go(stride))
            epoch = self.cohort.epoch
            if epoch % stride == 0 or epoch == algorithm.epochs:
                self._look_for_failures()
                self._metrics.append((epoch, tuple(point.metrics for point in self.cohort.points())))
                self._tell()
            if evaluation.every and epoch % evaluation.every == 0 and epoch < algorithm.epochs:
                self._extend_curves(self._evaluate("curve", evaluation.curve_episodes or evaluation.episodes))
                self._tell()
        if not self._is_saved_at_end():
            self.save()

    def measure(self) -> dict[Run, Measured]:
        """Evaluate the trained policies of the runs that did not fail.

        Raises:
            Stopped: Somebody asked to stop; the trained state is saved.
        """
        evaluation = self._phase.manifest.evaluation
        self._tell("evaluating")
        returns = self._evaluate("reward", evaluation.episodes)
        again = evaluation.plan is Plan.RE_EVALUATE
        plan = self._evaluate("plan", evaluation.episodes) if again else torch.zeros(len(self.runs), 0)
        self._extend_curves(returns)
        self._tell("evaluated")
        return {
            run: Measured(
                episode_returns=tuple(returns[at].tolist()),
                plan_episode_returns=tuple(plan[at].tolist()),
                curve=tuple(self._curves[run]),
                metrics=self._columns(at),
                policy=self.cohort.policy_state(at),
            )
            for at, run in enumerate(self.runs)
            if run not in self.failures
        }

    def save(self) -> None:
        """Write everything the next update depends on, as one file that appears whole."""
        kept = {
            "curves": {run.label: [_point_values(point) for point in self._curves[run]] for run in self.runs},
            "metrics": self._metrics,
            "runs": [run.label for run in self.runs],
            "seconds": self.seconds,
        }
        write_tensors(self._checkpoint, self.cohort.state_dict(), {"training": json.dumps(kept, sort_keys=True)})
        self._saved = time.monotonic()

    def close(self) -> None:
        """Give back the environments."""
        for environment in self._environments.values():
            environment.close()
        self._environments.clear()

    def _resume(self) -> None:
        tensors, metadata = read_tensors(self._checkpoint)
        kept: dict[str, Any] = json.loads(metadata["training"])
        self.cohort.load_state_dict(tensors)
        self._metrics = [(epoch, tuple(rows)) for epoch, rows in kept["metrics"]]
        for run in self.runs:
            self._curves[run] = [CurvePoint(**values) for values in kept["curves"][run.label]]
        self.seconds_before = kept["seconds"]
        self._first_epoch = self.cohort.epoch
        self.resumed = True

    def _is_saved_at_end(self) -> bool:
        return self.resumed and self._first_epoch == self.cohort.epoch

    def _epochs_to_go(self, stride: int) -> int:
        """Updates until the next event; one at a time on a CPU, where each may take long."""
        if self.cohort.device.type == "cpu":
            return 1
        every = self._phase.manifest.evaluation.every or stride
        epoch = self.cohort.epoch
        return min(_GPU_EPOCHS, stride - epoch % stride, every - epoch % every)

    def _answer_requests(self) -> None:
        due = time.monotonic() - self._saved > self._checkpoint_seconds
        if self._stopping.is_requested or self._stopping.take_save_request() or due:
            self._look_for_failures()
            self.save()
        self._stopping.stop_if_requested()

    def _look_for_failures(self) -> None:
        for at, run in enumerate(self.runs):
            failure = self.cohort.failure(at)
            if failure is not None and run not in self.failures:
                self.failures[run] = failure
        if len(self.failures) == len(self.runs):
            raise next(iter(self.failures.values()))

    def _evaluate(self, name: str, episodes: int) -> Tensor:
        tasks = [find_task(run.task).index for run in self.runs]
        seeds = [episode_seeds(run.seed, name, episodes) for run in self.runs]
        environments = {find_task(run.task).index: self._environment(run.task, episodes) for run in self.runs}

        def act(observation: Tensor) -> Tensor:
            if self._stopping.is_requested:
                # Evaluations keep nothing, so what was trained before this one is all there is to save.
                self._answer_requests()
            return torch.nan_to_num(self.cohort.act(observation))

        return evaluate(act, tasks, seeds, environments)

    def _environment(self, task: str, episodes: int) -> BatchedEnvironment:
        count = episodes * sum(run.task == task for run in self.runs)
        if (task, count) not in self._environments:
            self._environments[task, count] = make(task, count)
        return self._environments[task, count]

    def _extend_curves(self, returns: Tensor) -> None:
        for run, row in zip(self.runs, returns, strict=True):
            self._curves[run].append(
                CurvePoint(epoch=self.cohort.epoch, reward=float(row.mean()), episode_returns=tuple(row.tolist()))
            )

    def _columns(self, at: int) -> dict[str, tuple[float, ...]]:
        names = sorted(self._metrics[-1][1][at]) if self._metrics else []
        columns = {name: tuple(rows[at][name] for _, rows in self._metrics) for name in names}
        return {"epoch": tuple(float(epoch) for epoch, _ in self._metrics), **columns}

    def _tell(self, note: str = "") -> None:
        epoch, epochs = self.cohort.epoch, self.cohort.algorithm.epochs
        done = epoch - self._first_epoch
        pace = (time.monotonic() - self._started) / done if done else None
        returns = {run: points[-1].reward for run, points in self._curves.items() if points}
        left = None if pace is None else pace * (epochs - epoch)
        self._report(Progress(self.config, epoch, epochs, left, returns, note))


def load_world_model(composition: Composition, path: Path, digest: str) -> WorldModel:
    """Build a config's world model and give it the parameters in a file.

    Args:
        composition: The config's parts.
        path: Safetensors file with one tensor a parameter, or a published ``.pt`` checkpoint.
        digest: What the file's digest must be.

    Raises:
        CheckpointError: The file's parameters are not the model's.
    """
    model = build_world_model(composition.world_model, SPACES)
    assert isinstance(model, nn.Module)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tensors = world_model_tensors(path, digest, wanted)
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wrong := sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)):
        name = wrong[0]
        raise CheckpointError(
            f"{len(wrong)} parameters do not fit the {composition.world_model.offered.offer.name!r} world model, "
            f"the first: {name} is {found.get(name, 'missing')}, expected {wanted.get(name, 'none of that name')}",
            where=str(path),
            remedy="compare the config's world_model.settings with the file",
        )
    model.load_state_dict(tensors)
    return model


def load_start_states(path: Path, digest: str, tasks: Sequence[str]) -> dict[str, Tensor]:
    """Read the observations policies are trained from.

    Args:
        path: Safetensors file with ``observations`` (n, S) and the task index of each, ``tasks`` (n,).
        digest: What the file's digest must be.
        tasks: Names of the tasks wanted.

    Returns:
        Observations (n, S) float32 by task.

    Raises:
        CheckpointError: The file is of another shape, or has none of a task.
    """
    tensors, _ = read_tensors(path, digest)
    shapes = {name: tuple(tensors[name].shape) if name in tensors else () for name in ("observations", "tasks")}
    rows = shapes["tasks"][:1]
    if len(rows) != 1 or shapes["observations"] != (*rows, SPACES.observation):
        raise CheckpointError(
            f"observations are {shapes['observations']} and tasks {shapes['tasks']}, "
            f"expected (n, {SPACES.observation}) and (n,)",
            where=str(path),
            remedy="write both tensors, one row a start state",
        )
    found = {task: tensors["observations"][tensors["tasks"] == find_task(task).index].float() for task in tasks}
    if none := [task for task in tasks if not len(found[task])]:
        raise CheckpointError(f"no start states of {none[0]!r}", where=str(path), remedy="add some of every task")
    return found


def _point_values(point: CurvePoint) -> dict[str, Any]:
    return {
        "epoch": point.epoch,
        "reward": point.reward,
        "episode_returns": point.episode_returns,
        "predicted_return": point.predicted_return,
    }
