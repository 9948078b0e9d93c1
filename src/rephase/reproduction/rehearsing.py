"""A phase's whole path in minutes, on the machine that will run it, and what all of its runs will need.

One run of every config trains for a few epochs and is evaluated once, for one episode. Everything else is as in the
phase: inputs, parts, sizes, records, check. A rehearsal is a phase of its own name and digest in a folder of its own,
so that nothing of it can be taken for a result. Imports torch only to run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from rephase.errors import RunFailed, UsageError
from rephase.judging import PhaseVerdict
from rephase.manifest import Phase
from rephase.manifest.schema import PlanReward
from rephase.protocols.resources import JobRequest
from rephase.reproduction.checking import check_phase
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.running import prepare, run_all
from rephase.reproduction.storing import Store

if TYPE_CHECKING:
    from rephase.reproduction.training import Progress

__all__ = ["Needs", "Rehearsal", "rehearsal_of", "rehearse"]

_FOLDER = "rehearsals"
_MB = 1_000_000


@frozen(kw_only=True)
class Needs:
    """What one config's run was measured to need, and what its job asks the queue for.

    Args:
        config: Name of the config.
        runs: Runs of it in the phase.
        setup_seconds: From the start to the first update: plugins, inputs, parts.
        epoch_seconds: One update, the first left out where there are more.
        episode_seconds: One evaluation episode.
        epochs: Updates of a run in the phase.
        episodes: Evaluation episodes of a run in the phase, those on the way included.
        memory: Largest memory of the process in bytes; 0 where the system does not say.
        gpu_memory: Largest memory of tensors on a GPU in bytes; 0 without one.
        disk: Bytes of one run's folder once it is complete.
        disk_while_training: The same while it trains, its checkpoint included.
        asked: What a job asks for.
    """

    config: str
    runs: int
    setup_seconds: float
    epoch_seconds: float
    episode_seconds: float
    epochs: int
    episodes: int
    memory: int
    gpu_memory: int
    disk: int
    disk_while_training: int
    asked: JobRequest

    @property
    def run_seconds(self) -> float:
        """One run: set up, every update, every episode one after the other, which is the most they can take."""
        return self.setup_seconds + self.epochs * self.epoch_seconds + self.episodes * self.episode_seconds

    @property
    def fits_time(self) -> bool:
        """Whether a run ends within the time its job asks for."""
        return self.run_seconds <= self.asked.seconds

    @property
    def fits_memory(self) -> bool:
        """Whether it stays within the memory its job asks for."""
        return self.memory <= self.asked.megabytes * _MB


@frozen(kw_only=True)
class Rehearsal:
    """What a rehearsal did and measured.

    Args:
        store: Its folder.
        inputs_seconds: How long verifying every input took, arrays of stores left out.
        needs: What was measured, by config.
        verdict: What checking its records said: their integrity alone; None where the phase has no recorded outcomes
            yet.
        seconds: How long everything took.
    """

    store: Store
    inputs_seconds: float
    needs: tuple[Needs, ...]
    verdict: PhaseVerdict | None
    seconds: float


def rehearsal_of(phase: Phase, epochs: int) -> Phase:
    """The phase that is run in a rehearsal: another name and digest, the first task and seed of each config.

    Args:
        phase: The phase to be rehearsed.
        epochs: Updates of each run.
    """
    manifest = phase.manifest
    if epochs < 1:
        raise UsageError(f"{epochs} epochs are none", where="--epochs", remedy="give 1 or more")
    short = evolve(
        manifest,
        phase=f"{manifest.phase}-rehearsal",
        title=f"REHEARSAL, no result: {manifest.title}",
        not_this=f"a REHEARSAL of {phase.name}, no result: {epochs} epochs instead of {manifest.algorithm.epochs:,}",
        tasks=manifest.tasks[:1],
        seeds=manifest.seeds[:1],
        extension_seeds=(),
        arrays={},
        algorithm=evolve(manifest.algorithm, epochs=epochs),
        evaluation=evolve(manifest.evaluation, episodes=1, curve_episodes=0, every=0),
    )
    algorithms = {name: evolve(one, epochs=epochs) for name, one in phase.algorithms.items()}
    return evolve(phase, manifest=short, algorithms=algorithms)


def rehearse(
    phase: Phase,
    runs: Path,
    project: Path,
    say: Callable[[str], None],
    *,
    epochs: int = 2,
    device: str = "cpu",
    threads: int = 0,
) -> Rehearsal:
    """Walk a phase's whole path with one short run of each config.

    Args:
        phase: The phase.
        runs: Folder that holds the phases' runs; the rehearsal is kept in ``rehearsals`` in it.
        project: Folder of the project.
        say: Called with every line worth saying.
        epochs: Updates of each run.
        device: Where to compute.
        threads: Threads of one operation; 0 leaves torch's choice.

    Raises:
        RunFailed: A run failed.
        RephaseError: Whatever would keep the phase itself from running here.
    """
    began = time.monotonic()
    digests = verify_inputs(phase, phase.configs, None)
    inputs_seconds = time.monotonic() - began
    say(f"inputs verified in {inputs_seconds:.1f} s")
    _say_dropped(phase, digests, say)
    store = _fresh(Store(runs / _FOLDER, rehearsal_of(phase, epochs)))
    needs = [_measured(phase, store, config, project, say, device, threads) for config in phase.configs]
    is_recorded = phase.manifest.recorded and phase.record_file.is_file()
    return Rehearsal(
        store=store,
        inputs_seconds=inputs_seconds,
        needs=tuple(needs),
        verdict=check_phase(store, store.records(extended=False), rehearsal=True) if is_recorded else None,
        seconds=time.monotonic() - began,
    )


def _say_dropped(phase: Phase, digests: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Name what checkpoints hold and no run uses."""
    from rephase.reproduction.weights import dropped_from

    for name in dict.fromkeys(use.world_model for use in phase.manifest.configs.values() if use.world_model):
        if dropped := dropped_from(phase.path_of(name), digests[name]):
            say(f"{name}: only the world model is read; dropped: {', '.join(dropped)}")


class _Watch:
    """Takes the time of every update and evaluation, and sees how large the folder is while there is a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.updates: list[float] = []
        self.evaluation: list[float] = []
        self.disk = 0

    def see(self, progress: Progress) -> None:
        """Note one progress."""
        now = time.monotonic()
        if progress.note.startswith("evaluat"):
            self.evaluation.append(now)
            self.disk = max(self.disk, _size(self._folder))
        elif progress.epoch == len(self.updates):
            self.updates.append(now)

    @property
    def epoch_seconds(self) -> float:
        """One update: the median of all but the first, where there are more."""
        took = [after - before for before, after in zip(self.updates, self.updates[1:], strict=False)]
        return statistics.median(took[1:] or took or [0.0])

    @property
    def evaluation_seconds(self) -> float:
        """All evaluations of the run together."""
        return self.evaluation[-1] - self.evaluation[0] if self.evaluation else 0.0


def _measured(
    phase: Phase, store: Store, config: str, project: Path, say: Callable[[str], None], device: str, threads: int
) -> Needs:
    own = tuple(run for run in store.phase.runs() if run.config == config)
    say(f"{config}: rehearsing {own[0].label} on {device}")
    watch, began = _Watch(store.folder / config), time.monotonic()
    _forget_peaks(device)
    prepared = prepare(store, project, own, device=device, threads=threads)
    ran = run_all(prepared, own, watch.see, say)
    if ran.failed:
        raise RunFailed(f"{config} failed in the rehearsal: {next(iter(ran.failed.values()))}")
    memory, gpu_memory = _peaks(device)
    plans = 1 if phase.manifest.evaluation.plan is PlanReward.NONE else 2
    needs = Needs(
        config=config,
        runs=sum(run.config == config for run in phase.runs()),
        setup_seconds=watch.updates[0] - began,
        epoch_seconds=watch.epoch_seconds,
        episode_seconds=watch.evaluation_seconds / plans,
        epochs=phase.algorithm(config).epochs,
        episodes=_episodes(phase, config, plans),
        memory=memory,
        gpu_memory=gpu_memory,
        disk=_size(store.folder_of(own[0])),
        disk_while_training=watch.disk,
        asked=JobRequest(**phase.resources_of(config)),
    )
    say(f"{config}: {needs.epoch_seconds:.3g} s an epoch, {needs.episode_seconds:.3g} s an episode")
    return needs


def _episodes(phase: Phase, config: str, plans: int) -> int:
    """Evaluation episodes of one run: the last evaluations and those on the way."""
    evaluation, epochs = phase.manifest.evaluation, phase.algorithm(config).epochs
    on_the_way = (epochs - 1) // evaluation.every if evaluation.every else 0
    return plans * evaluation.episodes + on_the_way * (evaluation.curve_episodes or evaluation.episodes)


def _fresh(store: Store) -> Store:
    """The store, emptied: a rehearsal is always made anew."""
    import shutil

    shutil.rmtree(store.folder, ignore_errors=True)
    return store


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _forget_peaks(device: str) -> None:
    """Count peak memory from here on, where the system allows that."""
    with suppress(OSError):  # not Linux, or not allowed: the peak is then that of the whole process
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats()


def _peaks(device: str) -> tuple[int, int]:
    """Largest memory of the process and of tensors on its GPU, in bytes; 0 where the system does not say."""
    gpu = 0
    if device.startswith("cuda"):
        import torch

        gpu = int(torch.cuda.max_memory_allocated())
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, gpu
    found: Sequence[str] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return (int(found[0]) * 1024 if found else 0), gpu
