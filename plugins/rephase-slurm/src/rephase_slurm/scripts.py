"""The text of SLURM batch scripts: pure functions, nothing is submitted here (`rephase_slurm.queue` does that).

A script is written to be read: which run each array index is, what is asked for, one ``apptainer run`` line, and what
happens on signals. A task tells ``rephase run`` which run its index was when it was submitted, so that an edited
manifest starts nothing else in its place. No value can break out of it: what goes into ``#SBATCH`` lines and comments
has matched a narrow pattern (`rephase.protocols`, `rephase_slurm.options`), everything else is quoted for the shell.

Signals. SLURM sends USR1 to the batch shell some minutes before the time is up, up to a minute earlier than it was
asked to, so the shell listens from its first line on. It only hears while it waits, so whatever takes time is started
with ``&`` and waited for. The run is told to stop with TERM, writes its checkpoint and ends, and the script puts the
task back into the queue. The same happens, a few times at most, when a run was killed by a signal (out of memory, a
node that went down); one that failed by its own word, or a container that could not be started, is not repeated.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from rephase.errors import UsageError
from rephase.protocols import Container, Job, JobRequest
from rephase.protocols.resources import ANY_GPU
from rephase.protocols.runner import IMAGE_VARIABLE
from rephase_slurm.containers import FIXED, PASSED, run_command
from rephase_slurm.options import SlurmOptions

__all__ = ["array_spec", "script"]

#: Seconds before the end of the time at which a run is told to write its checkpoint.
WARNING_SECONDS = 300
#: How often a task that was killed is started again.
RESTARTS = 3
#: How often a task that ran out of time is started again.
CONTINUATIONS = 50

_LOG_FOLDER = re.compile(r"/[A-Za-z0-9._/+=@-]*")


def script(job: Job, options: SlurmOptions) -> str:
    """Return the batch script of a job: an array where it has tasks, one command otherwise.

    Args:
        job: The job.
        options: What else the site wants.

    Returns:
        The text. What the job waits for is said on the command line that submits it.

    Raises:
        UsageError: SLURM needs a partition, or cannot write to the job's log folder.
    """
    _check(job)
    return _array_script(job, options) if job.tasks else _single_script(job, options)


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


def _check(job: Job) -> None:
    if not job.request.partition:
        raise UsageError("names no partition", where=f"{job.name}: resources.partition", remedy="give --partition")
    if not _LOG_FOLDER.fullmatch(str(job.log_folder)):
        raise UsageError(
            f"SLURM cannot write its output to {str(job.log_folder)!r}",
            where=job.name,
            remedy="choose a folder for runs with letters, digits and . _ / + = @ - in its absolute path",
        )


def _array_script(job: Job, options: SlurmOptions) -> str:
    mapping = [f"    [{task.index}]={shlex.quote(task.label)}" for task in job.tasks]
    warning = min(WARNING_SECONDS, job.request.seconds // 2)
    directives = [
        *_directives(job.name, job.request, options, for_runs=True),
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
            _SIGNALS,
            "# Index of a task and the run it is; a manifest that means another run by then starts nothing.",
            "runs=(",
            *mapping,
            ")",
            "",
            _ENDINGS.replace("@RESTARTS@", str(RESTARTS)).replace("@CONTINUATIONS@", str(CONTINUATIONS)),
            *_container_lines(job.container, _ARRAY_IMAGE_CHECK),
            _launch(job.container, job.arguments, for_runs=True) + " &",
            _WAIT,
        ]
    )


def _single_script(job: Job, options: SlurmOptions) -> str:
    directives = [
        *_directives(job.name, job.request, options, for_runs=False),
        f"--output={job.log_folder}/%x-%j.log",
    ]
    return "\n".join(
        [
            "#!/bin/bash",
            f"# {job.title}",
            *(f"#SBATCH {directive}" for directive in directives),
            "set -u",
            "",
            *_container_lines(job.container, _IMAGE_CHECK),
            _launch(job.container, job.arguments, for_runs=False),
            "",
        ]
    )


def _directives(name: str, request: JobRequest, options: SlurmOptions, *, for_runs: bool) -> list[str]:
    return [
        f"--job-name={name}",
        f"--partition={request.partition}",
        *([f"--account={request.account}"] if request.account else []),
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={request.cpus}",
        f"--mem={request.memory}",
        f"--time={request.clock}",
        *(_gpus(request, options) if for_runs else []),
        *options.directives(for_runs=for_runs),
    ]


def _gpus(request: JobRequest, options: SlurmOptions) -> list[str]:
    if not request.gpu:
        return []
    kind = "" if request.gpu == ANY_GPU else f"{request.gpu}:"
    if options.gpus_as == "gres":
        return [f"--gres=gpu:{kind}{request.gpus}"]
    return [f"--{options.gpus_as}={kind}{request.gpus}"]


def _container_lines(container: Container, image_check: str) -> list[str]:
    variables = {IMAGE_VARIABLE: container.digest, **FIXED, **container.environment}
    return [
        f"image={shlex.quote(container.image)}",
        f"digest={container.digest.removeprefix('sha256:')}",
        image_check,
        *(f"export APPTAINERENV_{name}={shlex.quote(value)}" for name, value in variables.items()),
        f"for name in {' '.join(PASSED)}; do",
        '    [ -z "${!name+set}" ] || export "APPTAINERENV_$name=${!name}"',
        "done",
        "# Apptainer says nothing when it is asked for a GPU and there is none, so look first.",
        "gpu=()",
        "if nvidia-smi -L >/dev/null 2>&1; then gpu=(--nv); fi",
        "",
    ]


def _launch(container: Container, arguments: Sequence[str], *, for_runs: bool) -> str:
    words = run_command(container, arguments)
    at = len(words) - len(arguments) - 1  # the image stands right before the arguments
    if words[at] != container.image:  # our own bug, never input
        raise RuntimeError("run_command no longer puts the image before the arguments")
    run = ' --index "$SLURM_ARRAY_TASK_ID" --expect-run "${runs[$SLURM_ARRAY_TASK_ID]}"' if for_runs else ""
    start, options, inner = map(shlex.join, (words[:2], words[2:at], words[at + 1 :]))
    return f'{start} ${{gpu[@]+"${{gpu[@]}}"}} {options} \\\n    "$image" {inner}{run}'


_SIGNALS = """\
# USR1 comes to this shell alone: the time is nearly up, so the run is told to write its checkpoint and stop.
# TERM, when the job is cancelled or requeued, SLURM sends to every process itself; this shell only waits.
asked=
payload=
trap 'asked=USR1; [ -z "$payload" ] || kill -s TERM "$payload" 2>/dev/null' USR1
trap 'asked=TERM' TERM
set -u
"""

_ENDINGS = """\
finish() {  # A signal ends `wait` early, so wait until the process is really gone.
    while kill -0 "$payload" 2>/dev/null; do wait "$payload"; done
    wait "$payload"
    code=$?
    payload=
}
restarts=${SLURM_RESTART_COUNT:-0}
again() {  # Not SLURM_JOB_ID: for one task of an array that is the number of the whole array, ended ones included.
    echo "rephase: $1; back into the queue, the run goes on from its checkpoint" >&2
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
}
nearly_up() { [ "$asked" = USR1 ] && [ "$restarts" -lt @CONTINUATIONS@ ]; }
was_killed() { [ "$code" -gt 128 ] && [ "$code" -lt 193 ] && [ "$code" -ne 130 ] && [ -z "$asked" ] &&
    [ "$restarts" -lt @RESTARTS@ ]; }
"""

_REFUSAL = """\
    echo "rephase: $image is missing or is not the image that was submitted (sha256:$digest)" >&2
    exit 3
fi

# The container starts from a clean environment and is told these by name."""

_IMAGE_CHECK = (
    """\
# A file that was rebuilt under the same name is another image.
if ! echo "$digest  $image" | sha256sum --check --status; then
"""
    + _REFUSAL
)

_ARRAY_IMAGE_CHECK = (
    """\
# A file that was rebuilt under the same name is another image. This takes a while, so signals are answered meanwhile.
sha256sum --check --status <<<"$digest  $image" &
payload=$!
finish
if [ -n "$asked" ]; then
    if nearly_up; then again "the time is nearly up before the image was read"; fi
    exit 143
fi
if [ "$code" -ne 0 ]; then
"""
    + _REFUSAL
)

_WAIT = """\
payload=$!
[ "$asked" != USR1 ] || kill -s TERM "$payload" 2>/dev/null  # it came while the run was being started
finish
if [ "$code" -eq 255 ]; then
    echo "rephase: the container could not be started (exit code 255); the lines above say why" >&2
elif [ "$code" -ne 0 ] && nearly_up; then
    again "the time is nearly up"
elif was_killed; then
    again "the run was killed (exit code $code)"
fi
exit "$code"
"""
