"""Training and evaluating one cohort: the runs of a config as one program, saved on the way and resumed bit for bit.

Imports torch; `rephase.reproduction.running` imports this only when there is something to run.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor

from rephase.engine.acting import Actors
from rephase.engine.checkpoints import write_tensors
from rephase.errors import RunFailed
from rephase.manifest import Phase, Run
from rephase.manifest.record import CurvePoint
from rephase.manifest.schema import PlanReward
from rephase.reproduction.assembling import build_cohort
from rephase.reproduction.composing import Composition
from rephase.reproduction.evaluating import BackgroundEvaluation, EpisodeResults, Episodes
from rephase.reproduction.identity import content_digest, identity_of, read_state, require_identity
from rephase.reproduction.phases import tasks_of
from rephase.reproduction.stopping import Stopping

__all__ = ["CohortTraining", "Measured", "Progress"]

_CURVE_ROWS = 200
_GPU_EPOCHS = 10
_LISTEN_SECONDS = 0.1
_BESIDE = "beside/"


@frozen(kw_only=True)
class Progress:
    """How far a cohort is.

    Args:
        config: Name of the config.
        epoch: Updates done.
        epochs: Updates in all.
        seconds_left: Estimate from the pace of this attempt; None before there is one.
        returns: Latest mean return of each run; empty before the first evaluation.
        note: What is going on other than training, such as ``evaluating``; empty for nothing.
        measured: What was measured of each run and not reported before, by name.
        measured_at: Epoch it was measured of, where that is not the present one.
    """

    config: str
    epoch: int
    epochs: int
    seconds_left: float | None
    returns: Mapping[Run, float]
    note: str = ""
    measured: Mapping[Run, Mapping[str, float]] = field(factory=dict)
    measured_at: int | None = None


@frozen(eq=False, kw_only=True)
class Measured:
    """What one run of a cohort measured.

    Args:
        episode_returns: Returns of the evaluation.
        plan_episode_returns: Returns of the second evaluation; empty where there is none.
        curve: Evaluations, the last included.
        metrics: Columns of training metrics.
        policy: Parameters of the trained policy.
        world_model: Parameters of the run's own world model; empty where it is frozen.
    """

    episode_returns: tuple[float, ...]
    plan_episode_returns: tuple[float, ...]
    curve: tuple[CurvePoint, ...]
    metrics: Mapping[str, tuple[float, ...]]
    policy: Mapping[str, Tensor]
    world_model: Mapping[str, Tensor]


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
        overlap: Whether evaluations on the way are played on the CPU while training goes on; None for wherever
            training leaves the CPU to them, which is on a GPU.
    """

    def __init__(
        self,
        *,
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
        overlap: bool | None = None,
    ) -> None:
        self.config = config
        self.runs = tuple(runs)
        self.failures: dict[Run, RunFailed] = {}
        self.resumed = False
        self.seconds_before = 0.0
        self._processor_seconds = 0.0
        self._phase = phase
        self._checkpoint = checkpoint
        self._stopping = stopping
        self._report = report
        self._checkpoint_seconds = checkpoint_seconds
        self._curves: dict[Run, list[CurvePoint]] = {run: [] for run in self.runs}
        self._metrics: list[tuple[int, tuple[Mapping[str, float], ...]]] = []
        self._tasks = tasks_of(phase)
        self._episodes = Episodes(self.runs, self._tasks)
        self._beside: BackgroundEvaluation | None = None
        self._started = time.monotonic()
        self._saved = self._started
        self._first_epoch = 0
        self._identity = identity_of(phase, config, self.runs, inputs)
        self.cohort = build_cohort(phase, config, self.runs, composition, inputs, device)
        self.overlaps = self.cohort.device.type != "cpu" if overlap is None else overlap
        if checkpoint.exists():
            self._resume()

    @property
    def seconds(self) -> float:
        """Time spent on these runs, earlier attempts included."""
        return self.seconds_before + time.monotonic() - self._started

    @property
    def update_seconds(self) -> float | None:
        """Processor seconds of one update in this attempt, as one run's share; None where it made none."""
        updates = self.cohort.epoch - self._first_epoch
        return round(self._processor_seconds / updates / len(self.runs), 6) if updates else None

    def execution(self) -> dict[str, str]:
        """How these runs are computed here, for their records and for people."""
        return {
            "precision": str(self.cohort.precision),
            "updates": self.cohort.mode,
            "evaluations": "beside training" if self.overlaps else "between updates",
        }

    def train(self) -> None:
        """Train to the last epoch, evaluating and saving on the way.

        Raises:
            Stopped: Somebody asked to stop; the state is saved.
            RunFailed: Every run failed.
        """
        algorithm = self.cohort.algorithm
        stride = max(1, algorithm.epochs // _CURVE_ROWS)
        self._tell()
        while self.cohort.epoch < algorithm.epochs:
            if self._evaluation_is_due():
                self._evaluate_on_the_way()
            self._answer_requests()
            self._collect()
            before = time.process_time()
            self.cohort.advance(self._epochs_to_go(stride))
            self._processor_seconds += time.process_time() - before
            epoch = self.cohort.epoch
            if epoch % stride == 0 or epoch == algorithm.epochs:
                self._look_for_failures()
                self._metrics.append((epoch, tuple(point.metrics for point in self.cohort.points())))
                self._tell(measured=dict(zip(self.runs, self._metrics[-1][1], strict=True)))
        if not self._is_saved_at_end():
            self.save()

    def measure(self) -> dict[Run, Measured]:
        """Evaluate the trained policies of the runs that did not fail.

        Raises:
            Stopped: Somebody asked to stop; the trained state is saved.
        """
        evaluation = self._phase.manifest.evaluation
        self._tell("evaluating")
        self._collect(wait=True)
        played = self._evaluate("reward", evaluation.episodes)
        predicted = self._predicted(played.starts)
        plan = torch.zeros(len(self.runs), 0)
        again = evaluation.plan_episodes or evaluation.episodes
        if evaluation.plan is PlanReward.MPPI:
            self._tell("evaluating the planner")
            plan = self._evaluate("plan", again, self.cohort.planner(evaluation.planning).act).returns
        elif evaluation.plan is PlanReward.RE_EVALUATE:
            plan = self._evaluate("plan", again).returns
        self._extend_curves(self.cohort.epoch, played.returns, predicted)
        self._tell("evaluated", self._last_returns())
        return {
            run: Measured(
                episode_returns=tuple(played.returns[at].tolist()),
                plan_episode_returns=tuple(plan[at].tolist()),
                curve=tuple(self._curves[run]),
                metrics=self._columns(at),
                policy=self.cohort.policy_state(at),
                world_model=self.cohort.world_model_state(at),
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
        tensors = self.cohort.state_dict()
        if self._beside is not None:
            kept["beside"] = self._beside.epoch
            tensors |= {f"{_BESIDE}{name}": value for name, value in self._beside.state_dict().items()}
        identity = {**self._identity, "content": content_digest(tensors)}
        metadata = {"training": json.dumps(kept, sort_keys=True), "identity": json.dumps(identity, sort_keys=True)}
        write_tensors(self._checkpoint, tensors, metadata)
        self._saved = time.monotonic()

    def close(self) -> None:
        """End an evaluation that is going on and give back the environments."""
        if self._beside is not None:
            self._beside.cancel()
        self._episodes.close()

    def _resume(self) -> None:
        tensors, metadata = read_state(self._checkpoint)
        expected = {**self._identity, "content": content_digest(tensors)}
        require_identity(self._checkpoint, expected, json.loads(metadata.get("identity", "{}")))
        kept: dict[str, Any] = json.loads(metadata["training"])
        self.cohort.load_state_dict(tensors)
        self._metrics = [(epoch, tuple(rows)) for epoch, rows in kept["metrics"]]
        for run in self.runs:
            self._curves[run] = [CurvePoint(**values) for values in kept["curves"][run.label]]
        self.seconds_before = kept["seconds"]
        self._first_epoch = self.cohort.epoch
        self.resumed = True
        if "beside" in kept:
            actors = self.cohort.actors()
            own = {name.removeprefix(_BESIDE): value for name, value in tensors.items() if name.startswith(_BESIDE)}
            actors.load_state_dict(own)
            self._begin(actors, kept["beside"])

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

    def _evaluation_is_due(self) -> bool:
        every, epoch = self._phase.manifest.evaluation.every, self.cohort.epoch
        if not every or not epoch or epoch % every:
            return False
        points = self._curves[self.runs[0]]
        # One that was stopped kept nothing and is made again.
        return epoch > max(self._beside.epoch if self._beside else 0, points[-1].epoch if points else 0)

    def _evaluate_on_the_way(self) -> None:
        if self.overlaps:
            self._collect(wait=True)  # one at a time, so that training never runs away from its curve
            self._begin(self.cohort.actors(), self.cohort.epoch)
        else:
            self._extend_curves(self.cohort.epoch, self._evaluate("curve", self._curve_episodes).returns)
            self._tell(measured=self._last_returns())

    @property
    def _curve_episodes(self) -> int:
        evaluation = self._phase.manifest.evaluation
        return evaluation.curve_episodes or evaluation.episodes

    def _begin(self, actors: Actors, epoch: int) -> None:
        self._beside = BackgroundEvaluation(self._episodes, "curve", self._curve_episodes, actors, epoch)

    def _collect(self, wait: bool = False) -> None:
        """Take over what an evaluation beside the training gave, if it is over."""
        if self._beside is None:
            return
        while not self._beside.wait(_LISTEN_SECONDS if wait else 0):
            if not wait:
                return
            self._answer_requests()
        over, self._beside = self._beside, None
        self._extend_curves(over.epoch, over.result().returns)
        self._tell(measured=self._last_returns(), measured_at=over.epoch)

    def _evaluate(self, name: str, episodes: int, by: Callable[[Tensor], Tensor] | None = None) -> EpisodeResults:
        """Play episodes now, by the policies on the CPU unless by something else."""
        on_the_cpu = self.cohort.acting() if self.cohort.device.type == "cpu" else self.cohort.actors().act
        return self._episodes.play(name, episodes, by or on_the_cpu, self._answer_a_stop)

    def _answer_a_stop(self) -> None:
        if self._stopping.is_requested:
            # Evaluations keep nothing, so what was trained before this one is all there is to save.
            self._answer_requests()

    def _predicted(self, starts: Tensor) -> list[float | None]:
        """What each run's own world model promises for the episodes just played; None where it is frozen."""
        if not self.cohort.algorithm.finetune_world_model:
            return [None] * len(self.runs)
        steps = [self._tasks.find(run.task).episode_steps for run in self.runs]
        promised = {length: self.cohort.predicted_return(starts, length).mean(1).tolist() for length in set(steps)}
        own = [promised[length][at] for at, length in enumerate(steps)]
        return [value if math.isfinite(value) else None for value in own]

    def _extend_curves(self, epoch: int, returns: Tensor, predicted: Sequence[float | None] = ()) -> None:
        for at, (run, row) in enumerate(zip(self.runs, returns, strict=True)):
            self._curves[run].append(
                CurvePoint(
                    epoch=epoch,
                    reward=float(row.mean()),
                    episode_returns=tuple(row.tolist()),
                    predicted_return=predicted[at] if predicted else None,
                )
            )

    def _columns(self, at: int) -> dict[str, tuple[float, ...]]:
        names = sorted(self._metrics[-1][1][at]) if self._metrics else []
        columns = {name: tuple(rows[at][name] for _, rows in self._metrics) for name in names}
        return {"epoch": tuple(float(epoch) for epoch, _ in self._metrics), **columns}

    def _last_returns(self) -> dict[Run, dict[str, float]]:
        return {run: {"return": self._curves[run][-1].reward} for run in self.runs}

    def _tell(
        self,
        note: str = "",
        measured: Mapping[Run, Mapping[str, float]] | None = None,
        measured_at: int | None = None,
    ) -> None:
        epoch, epochs = self.cohort.epoch, self.cohort.algorithm.epochs
        done = epoch - self._first_epoch
        pace = (time.monotonic() - self._started) / done if done else None
        returns = {run: points[-1].reward for run, points in self._curves.items() if points}
        left = None if pace is None else pace * (epochs - epoch)
        self._report(
            Progress(
                config=self.config,
                epoch=epoch,
                epochs=epochs,
                seconds_left=left,
                returns=returns,
                note=note,
                measured=measured or {},
                measured_at=measured_at,
            )
        )


def _point_values(point: CurvePoint) -> dict[str, Any]:
    return {
        "epoch": point.epoch,
        "reward": point.reward,
        "episode_returns": point.episode_returns,
        "predicted_return": point.predicted_return,
    }
