"""Running a phase: which runs are to be done, by whom, and what is kept of them.

Runs of one config train together. A finished run is not run again, a run another process holds is left to it, and a
stopped one goes on where it was. Imports torch only when there is something to run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from rephase.errors import CannotRunHere, PluginError, RunFailed, UsageError, understood
from rephase.manifest import Phase, Run
from rephase.manifest.hashing import short
from rephase.manifest.record import Record
from rephase.plugins.registry import discover
from rephase.plugins.sources import Source
from rephase.reproduction.composing import Composition, compose
from rephase.reproduction.grouping import groups_of, whole_group
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.progress_notes import ProgressNotes
from rephase.reproduction.provenance import make_lock, provenance
from rephase.reproduction.stopping import Stopped, Stopping
from rephase.reproduction.storing import RunState, State, Store
from rephase.runtime.arithmetic import used

if TYPE_CHECKING:
    from rephase.reproduction.training import CohortTraining, Measured, Progress

__all__ = ["RunSummary", "PreparedPhase", "prepare", "run_all"]


@frozen(kw_only=True)
class RunSummary:
    """What one call did.

    Args:
        completed: Runs it completed.
        skipped: Runs that were complete before.
        elsewhere: Runs another process holds.
        failed: Reason by run.
        seconds: How long it took.
    """

    completed: tuple[Run, ...] = ()
    skipped: tuple[Run, ...] = ()
    elsewhere: tuple[Run, ...] = ()
    failed: dict[Run, str] = field(factory=dict)
    seconds: float = 0.0


@frozen(kw_only=True, eq=False)
class PreparedPhase:
    """A phase with everything its runs need, found and verified.

    Args:
        store: Where its runs are kept.
        project: Folder of the project.
        compositions: Parts by config.
        inputs: Digest of each input file.
        sources: The plugins in use.
        device: ``cpu`` or ``cuda``.
        checkpoint_seconds: Time between checkpoints.
    """

    store: Store
    project: Path
    compositions: dict[str, Composition]
    inputs: dict[str, str]
    sources: tuple[Source, ...]
    device: str = "cpu"
    checkpoint_seconds: float = 30.0

    @property
    def phase(self) -> Phase:
        """The phase."""
        return self.store.phase


def prepare(
    store: Store,
    project: Path,
    runs: Sequence[Run],
    *,
    device: str = "cpu",
    threads: int = 0,
    checkpoint_seconds: float = 30.0,
) -> PreparedPhase:
    """Find the plugins, check the parts and verify the inputs that runs need.

    Args:
        store: Where runs are kept.
        project: Folder of the project.
        runs: The runs.
        device: Where to compute.
        threads: Threads of one operation; 0 leaves torch's choice.
        checkpoint_seconds: Time between checkpoints.

    Raises:
        PluginError: A plugin the manifest names is missing or at fault.
        ManifestError: A part or setting is unknown.
        CannotRunHere: An input, torch or the device is missing.
        InputMismatch: An input is not the one that was pinned.
    """
    phase = store.phase
    registry = discover(phase.manifest.plugins)
    sources = registry.require(phase.manifest.plugins, str(phase.file.name))
    configs = [name for name in phase.configs if any(run.config == name for run in runs)]
    compositions = compose(phase, registry, configs)
    lock = store.lock()
    inputs = verify_inputs(phase, configs, lock)
    _require_device(device)
    if threads and any(not store.is_completed(run) for run in runs):
        import torch

        torch.set_num_threads(threads)
    return PreparedPhase(
        store=store,
        project=project,
        compositions=compositions,
        inputs=inputs,
        sources=sources,
        device=device,
        checkpoint_seconds=checkpoint_seconds,
    )


def run_all(
    prepared: PreparedPhase, runs: Sequence[Run], report: Callable[[Progress], None], say: Callable[[str], None]
) -> RunSummary:
    """Train and evaluate runs, config by config, and keep a record of each.

    Args:
        prepared: The phase, prepared.
        runs: The runs wanted.
        report: Called with every progress.
        say: Called with every other line worth saying.

    Returns:
        What was done. Runs that failed are in it, and their state says so.

    Raises:
        Stopped: Somebody asked to stop; everything is kept and the same call goes on.
        CannotRunHere: This process was started without the arithmetic the phase asks for.
    """
    began = time.monotonic()
    store = prepared.store
    skipped = tuple(run for run in runs if store.is_completed(run))
    wanted = [run for run in runs if run not in skipped]
    if not wanted:
        return RunSummary(skipped=skipped, seconds=time.monotonic() - began)
    arithmetic = used(prepared.phase.arithmetic, prepared.device)
    store.pin(make_lock(prepared.phase, prepared.inputs, prepared.sources))
    completed: list[Run] = []
    elsewhere: list[Run] = []
    failed: dict[Run, str] = {}
    with Stopping() as stopping:
        for own in groups_of(prepared.phase, wanted, prepared.device):
            with store.claim(own) as claimed:
                elsewhere += [run for run in own if run not in claimed and not store.is_completed(run)]
                if claimed:
                    together = _together(prepared, claimed, say)
                    done = _run_cohort(prepared, together, claimed, arithmetic, stopping, report, say)
                    failed |= done
                    completed += [run for run in claimed if run not in done]
    return RunSummary(
        completed=tuple(completed),
        skipped=skipped,
        elsewhere=tuple(elsewhere),
        failed=failed,
        seconds=time.monotonic() - began,
    )


def _together(prepared: PreparedPhase, runs: tuple[Run, ...], say: Callable[[str], None]) -> tuple[Run, ...]:
    """The runs to train so that these can be recorded.

    A group that was killed while it wrote its records has left its state; from there the missing ones are the same to
    the last bit. Otherwise a part of a group is trained alone, whose rounding is another, and that is said first.
    """
    whole = whole_group(prepared.phase, runs[0], prepared.device)
    if runs == whole:
        return whole
    others_are_done = all(prepared.store.is_completed(run) for run in whole if run not in runs)
    if others_are_done and prepared.store.cohort_path(whole).exists():
        say(
            f"{runs[0].config}: {len(runs)} of a group of {len(whole)} have no record yet; "
            "going on from the group's state"
        )
        return whole
    say(
        f"{runs[0].config}: training {len(runs)} of the {len(whole)} runs of a group without the others; "
        "they round otherwise than in the group, so digests will differ and values are judged"
    )
    return runs


def _run_cohort(
    prepared: PreparedPhase,
    together: tuple[Run, ...],
    runs: tuple[Run, ...],
    arithmetic: Mapping[str, Any],
    stopping: Stopping,
    report: Callable[[Progress], None],
    say: Callable[[str], None],
) -> dict[Run, str]:
    """Train runs of one config together, record some of them, and return the reason of each of those that failed."""
    from rephase.reproduction.training import CohortTraining

    store, phase, config = prepared.store, prepared.phase, runs[0].config
    attempts = {run: _attempts(store, run) + 1 for run in runs}
    epochs = phase.algorithm(config).epochs
    origin = provenance(prepared.sources, prepared.project) | {"arithmetic": arithmetic}
    for run in runs:
        state = RunState(state=State.RUNNING, attempt=attempts[run], epochs=epochs, job=origin["job"])
        store.write_state(run, state)
    training: CohortTraining | None = None
    checkpoint = store.cohort_path(together)
    try:
        training = CohortTraining(
            phase=phase,
            config=config,
            runs=together,
            composition=prepared.compositions[config],
            inputs=prepared.inputs,
            checkpoint=checkpoint,
            device=prepared.device,
            stopping=stopping,
            report=ProgressNotes(store, runs, report),
            checkpoint_seconds=prepared.checkpoint_seconds,
        )
        if training.resumed:
            say(f"{config}: going on from epoch {training.cohort.epoch} of {epochs}")
        training.train()
        if prepared.device != "cpu":
            say(f"{config}: " + ", ".join(f"{what} {how}" for what, how in training.execution().items()))
        measured = training.measure()
        for run in runs:
            if run in measured:
                _keep(prepared, run, measured[run], training, attempts[run], origin)
    except KeyboardInterrupt as stop:
        epoch = training.cohort.epoch if training else 0
        how = "stopped" if isinstance(stop, Stopped) else "interrupted"
        for run in runs:
            store.requeue(run, f"{how} at epoch {epoch}, the next attempt goes on from the last checkpoint")
        raise
    except (RunFailed, OSError) as error:
        return _all_failed(store, runs, training, error)
    except SystemExit as left:  # the only one who can leave here is a part
        reason = f"a part left the program: SystemExit: {left}"
        for run in runs:
            store.fail(run, reason)
        owners = prepared.compositions[config].owners
        raise PluginError(reason, where=owners, remedy="fix the plugin, or name another part") from left
    except Exception as error:
        blamed = prepared.compositions[config].blamed(error)
        _all_failed(store, runs, training, blamed or error)
        if blamed is not None:
            raise blamed from error
        raise
    finally:
        if training is not None:
            training.close()
    failures = {run: str(failure) for run, failure in training.failures.items() if run in runs}
    for run, failure in failures.items():
        store.fail(run, failure)
    _forget(checkpoint)
    return failures


def _all_failed(
    store: Store, runs: Sequence[Run], training: CohortTraining | None, error: BaseException
) -> dict[Run, str]:
    own = training.failures if training is not None else {}
    reasons = {run: str(own.get(run, understood(error))) for run in runs if not store.is_completed(run)}
    for run, reason in reasons.items():
        try:
            store.fail(run, reason)
        except OSError:  # a full disk takes no state either; the reason still reaches the caller
            continue
    return reasons


def _attempts(store: Store, run: Run) -> int:
    state = store.state_of(run)
    return state.attempt if state else 0


def _keep(
    prepared: PreparedPhase,
    run: Run,
    found: Measured,
    training: CohortTraining,
    attempt: int,
    origin: dict[str, Any],
) -> None:
    from rephase.engine.checkpoints import write_tensors

    phase, store = prepared.phase, prepared.store
    path = store.policy_path(run)
    about = {"run": run.label, "phase": phase.name, "manifest": phase.digest}
    digest = write_tensors(path, found.policy, about)
    model = store.world_model_path(run)
    model_digest = write_tensors(model, found.world_model, about) if found.world_model else ""
    used = phase.inputs_of(run.config)
    record = Record(
        phase=phase.manifest.phase,
        scale=str(phase.manifest.scale),
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=phase.digest,
        config_digest=phase.config_digest(run.config),
        resolved=phase.resolved(run.config),
        inputs={name: prepared.inputs[name] for name in used},
        reward=statistics.fmean(found.episode_returns),
        plan_reward=statistics.fmean(found.plan_episode_returns) if found.plan_episode_returns else None,
        episode_returns=found.episode_returns,
        plan_episode_returns=found.plan_episode_returns,
        curve=found.curve,
        metrics=found.metrics,
        epochs=training.cohort.epoch,
        policy_file=path.name,
        policy_sha256=digest,
        world_model_file=model.name if model_digest else "",
        world_model_sha256=model_digest,
        grouped_with=tuple(one.label for one in training.runs),
        attempt=attempt,
        resumed=training.resumed,
        wall_seconds=round(training.seconds, 3),
        provenance={
            **origin,
            **training.execution(),
            "device": prepared.device,
            "manifest": short(phase.digest),
            "update_seconds": training.update_seconds,
        },
    )
    store.write_record(record)


def _forget(checkpoint: Path) -> None:
    checkpoint.unlink(missing_ok=True)
    try:
        checkpoint.parent.rmdir()
    except OSError:  # not empty, or never made
        return


def _require_device(device: str) -> None:
    from importlib.util import find_spec

    for module in ("torch", "safetensors", "dm_control", "mujoco"):
        if find_spec(module) is None:
            raise CannotRunHere(f"{module} is not installed", remedy="pip install 'rephase[run]'")
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise CannotRunHere("there is no CUDA device", remedy="run on a machine with one or give --device cpu")
        _, _, number = device.partition(":")
        if number and int(number) >= torch.cuda.device_count():
            raise UsageError(
                f"there is no device {device!r}, there are {torch.cuda.device_count()}",
                where="--device",
                remedy="count from cuda:0",
            )
