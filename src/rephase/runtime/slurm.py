"""The text of SLURM batch scripts: pure functions, nothing is submitted here (`rephase.runtime.queue` does that).

A script is written to be read: which run each array index is, what is asked for, one ``apptainer run`` line, and what
happens on signals. A task tells ``rephase run`` which run its index was when it was submitted, so that an edited
manifest starts nothing else in its place. No value can break out of it: what goes into ``#SBATCH`` lines and comments
must match a narrow pattern (`rephase.runtime.resources`, `_word`), everything else is quoted for the shell.

Signals. SLURM sends USR1 to the batch shell some minutes before the time is up; the shell only receives it while it
waits, so the run is started with ``&`` and waited for, and told to stop with TERM. It writes its checkpoint and ends,
and the script puts the task back into the queue. The same happens, a few times at most, when a run was killed (out of
memory, a node that went down); a run that failed by its own word is not repeated.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen

from rephase.errors import UsageError
from rephase.runtime.containers import FIXED, PASSED, Container, run_command
from rephase.runtime.machine import IMAGE_VARIABLE
from rephase.runtime.resources import JobRequest

__all__ = ["ArrayJob", "ArrayTask", "CheckJob", "array_script", "array_spec", "check_script"]

#: Seconds before the end of the time at which a run is told to write its checkpoint.
WARNING_SECONDS = 300
#: How often a task that was killed is started again.
RESTARTS = 3
#: How often a task that ran out of time is started again.
CONTINUATIONS = 50

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./ -]{0,255}")
_LOG_FOLDER = re.compile(r"/[A-Za-z0-9._/+=@-]*")


def _word(name: str, value: str) -> None:
    if not _WORD.fullmatch(value):
        raise UsageError(
            f"{value!r} cannot stand in a job script", where=name, remedy="use letters, digits and _ . - only"
        )


@frozen
class ArrayTask:
    """One task of an array: the index SLURM gives it and the run it is.

    Args:
        index: Array index.
        label: The run, such as ``baseline/walker-stand/seed-42``.
    """

    index: int
    label: str

    def __attrs_post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise UsageError(
                f"{self.label!r} cannot stand in a job script", where="run", remedy="use plain names for runs"
            )


@frozen
class ArrayJob:
    """An array of runs to be submitted as one job.

    Args:
        name: Name of the job in the queue.
        title: One line on what it is, for readers of the script.
        tasks: The runs that are to be run, with their indices.
        request: What each task asks for.
        container: Image and binds.
        arguments: Arguments of ``rephase`` without the index.
        log_folder: Folder for the output of each task; must exist when the job starts.
        throttle: How many tasks may run at once; None for no limit.
        warning: Seconds before the end of the time at which a run is told to checkpoint.
    """

    name: str
    title: str
    tasks: tuple[ArrayTask, ...]
    request: JobRequest
    container: Container
    arguments: tuple[str, ...]
    log_folder: Path
    throttle: int | None = None
    warning: int = field(default=WARNING_SECONDS)

    def __attrs_post_init__(self) -> None:
        _check_job(self.name, self.title, self.log_folder, self.arguments)
        if not self.tasks:
            raise UsageError("there is no run to submit", where=self.name, remedy="choose runs that are not completed")
        if self.throttle is not None and not 1 <= self.throttle <= 10000:
            raise UsageError(
                f"{self.throttle} is not a number of tasks from 1 to 10000",
                where="--throttle",
                remedy="leave it out for no limit",
            )


@frozen
class CheckJob:
    """The job that judges a phase after its arrays have ended, however they ended.

    Args:
        name: Name of the job in the queue.
        title: One line on what it is.
        request: What it asks for.
        container: Image and binds.
        arguments: Arguments of ``rephase``.
        log_folder: Folder for its output.
    """

    name: str
    title: str
    request: JobRequest
    container: Container
    arguments: tuple[str, ...]
    log_folder: Path

    def __attrs_post_init__(self) -> None:
        _check_job(self.name, self.title, self.log_folder, self.arguments)


def array_script(job: ArrayJob) -> str:
    """Return the batch script of an array of runs.

    Args:
        job: The array.

    Returns:
        The text of the script.
    """
    mapping = [f"    [{task.index}]={shlex.quote(task.label)}" for task in job.tasks]
    warning = min(job.warning, job.request.seconds // 2)
    directives = [
        *_directives(job.name, job.request, gpu=True),
        f"--array={array_spec([task.index for task in job.tasks], job.throttle)}",
        "--requeue",
        "--open-mode=append",
        f"--signal=B:USR1@{warning}",
        f"--output={job.log_folder}/%x-%A_%a.log",
    ]
    return "\n".join(
        [
            "#!/bin/bash",
            f"# {job.title}",
            *(f"#SBATCH {directive}" for directive in directives),
            "set -u",
            "",
            "# Index of a task and the run it is; a manifest that means another run by then starts nothing.",
            "runs=(",
            *mapping,
            ")",
            "",
            *_container_lines(job.container),
            _SIGNALS,
            _launch(job.container, job.arguments, index=True) + " &",
            _WAIT.replace("@RESTARTS@", str(RESTARTS)).replace("@CONTINUATIONS@", str(CONTINUATIONS)),
        ]
    )


def check_script(job: CheckJob) -> str:
    """Return the batch script of the job that judges a phase.

    Args:
        job: The job.

    Returns:
        The text of the script. What it waits for is said on the command line that submits it.
    """
    directives = [*_directives(job.name, job.request, gpu=False), f"--output={job.log_folder}/%x-%j.log"]
    return "\n".join(
        [
            "#!/bin/bash",
            f"# {job.title}",
            *(f"#SBATCH {directive}" for directive in directives),
            "set -u",
            "",
            *_container_lines(job.container),
            _launch(job.container, job.arguments, index=False),
            "",
        ]
    )


def array_spec(indices: Sequence[int], throttle: int | None = None) -> str:
    """Write indices as SLURM reads them, such as ``0-3,7%2``.

    Args:
        indices: Array indices, in any order.
        throttle: How many may run at once.

    Returns:
        The value of ``--array``.
    """
    spans: list[list[int]] = []
    for index in sorted(set(indices)):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    return text if throttle is None else f"{text}%{throttle}"


def _check_job(name: str, title: str, log_folder: Path, arguments: Sequence[str]) -> None:
    _word("job name", name)
    if not re.fullmatch(r"[ -~]{1,300}", title):
        raise UsageError(f"{title!r} is not one line of plain text", where=name, remedy="write a shorter title")
    if not _LOG_FOLDER.fullmatch(str(log_folder)):
        raise UsageError(
            f"SLURM cannot write its output to {str(log_folder)!r}",
            where=name,
            remedy="choose a folder for runs with letters, digits and . _ / + = @ - in its absolute path",
        )
    if any(re.search(r"[\x00-\x1f\x7f]", argument) for argument in arguments):
        raise UsageError("an argument holds a control character", where=name, remedy="take it out")


def _directives(name: str, request: JobRequest, *, gpu: bool) -> list[str]:
    return [
        f"--job-name={name}",
        f"--partition={request.partition}",
        *([f"--account={request.account}"] if request.account else []),
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={request.cpus}",
        f"--mem={request.memory}",
        f"--time={request.clock}",
        *([f"--gres=gpu:{request.gpu}:{request.gpus}"] if gpu and request.gpu else []),
    ]


def _container_lines(container: Container) -> list[str]:
    told = {IMAGE_VARIABLE: container.digest, **FIXED}
    return [
        f"image={shlex.quote(str(container.image))}",
        f"digest={container.digest.removeprefix('sha256:')}",
        _IMAGE_CHECK,
        *(f"export APPTAINERENV_{name}={shlex.quote(value)}" for name, value in told.items()),
        f"for name in {' '.join(PASSED)}; do",
        '    [ -z "${!name+set}" ] || export "APPTAINERENV_$name=${!name}"',
        "done",
        "# Apptainer says nothing when it is asked for a GPU and there is none, so look first.",
        "gpu=()",
        "if nvidia-smi -L >/dev/null 2>&1; then gpu=(--nv); fi",
        "",
    ]


def _launch(container: Container, arguments: Sequence[str], *, index: bool) -> str:
    words = run_command(container, arguments)
    start, rest = words[:2], words[2:]
    image = str(container.image)
    at = len(rest) - len(arguments) - 1  # the image stands right before the arguments
    options, told = rest[:at], rest[at + 1 :]
    if rest[at] != image:  # our own bug, never input
        raise RuntimeError("run_command no longer puts the image before the arguments")
    tail = ' --index "$SLURM_ARRAY_TASK_ID" --expect-run "${runs[$SLURM_ARRAY_TASK_ID]}"' if index else ""
    return (
        f'{shlex.join(start)} ${{gpu[@]+"${{gpu[@]}}"}} {shlex.join(options)} \\\n    "$image" {shlex.join(told)}{tail}'
    )


_IMAGE_CHECK = """\
# A file that was rebuilt under the same name is another image.
if ! echo "$digest  $image" | sha256sum --check --status; then
    echo "rephase: $image is missing or is not the image that was submitted (sha256:$digest)" >&2
    exit 3
fi

# The container starts from a clean environment and is told these by name."""

_SIGNALS = """\
# USR1 comes to this shell alone: the time is nearly up, so the run is told to write its checkpoint and stop.
# TERM, when the job is cancelled or requeued, SLURM sends to every process itself; this shell only waits.
asked=
payload=
trap 'asked=USR1; kill -s TERM "$payload" 2>/dev/null' USR1
trap 'asked=TERM' TERM
"""

_WAIT = """\
payload=$!
# A signal ends `wait` early, so wait until the run is really gone.
while kill -0 "$payload" 2>/dev/null; do wait "$payload"; done
wait "$payload"
code=$?

restarts=${SLURM_RESTART_COUNT:-0}
again=
if [ "$code" -ne 0 ] && [ "$asked" = USR1 ] && [ "$restarts" -lt @CONTINUATIONS@ ]; then
    again="the time is nearly up"
elif [ "$code" -gt 128 ] && [ "$code" -ne 130 ] && [ -z "$asked" ] && [ "$restarts" -lt @RESTARTS@ ]; then
    again="the run was killed (exit code $code)"
fi
if [ -n "$again" ]; then
    echo "rephase: $again; back into the queue, the run goes on from its checkpoint" >&2
    # Not SLURM_JOB_ID: for one task of an array that is the number of the whole array, ended ones included.
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"""
