"""The text of a SkyPilot task: a pure function of a job and one of its runs. Nothing is launched here."""

from __future__ import annotations

import re
import shlex
from typing import Any

import yaml

from rephase.errors import UsageError
from rephase.protocols import Job, JobRequest, JobTask
from rephase.protocols.resources import ANY_GPU
from rephase.protocols.runner import IMAGE_VARIABLE, JOB_VARIABLE
from rephase_skypilot.options import SkyOptions

__all__ = ["task_name", "task_text"]

#: Seconds before the end of the time at which a run is told to write its checkpoint.
WARNING_SECONDS = 300

_RUN = f"""\
# When the time is nearly up the run is told to write its checkpoint; when the machine is taken away SkyPilot starts
# this again elsewhere. Either way the next attempt goes on from the last checkpoint in the folder of runs.
export {JOB_VARIABLE}="${{SKYPILOT_TASK_ID:-}}"
exec timeout --signal=TERM @SECONDS@ @WORDS@
"""


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes texts of several lines as they are read."""


def _readable(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _readable)


def task_name(job: Job, task: JobTask) -> str:
    """The name of a run's managed job: lower case, letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{job.name}-{task.index}".lower())


def task_text(job: Job, task: JobTask, options: SkyOptions) -> str:
    """Return the YAML of one run's task.

    Args:
        job: The job.
        task: Its run.
        options: What is asked of SkyPilot apart from resources.

    Returns:
        The text, as ``sky jobs launch`` takes it.

    Raises:
        UsageError: SkyPilot has nothing like what is asked for.
    """
    _check(job, options)
    request = job.request
    resources: dict[str, Any] = {
        **({"infra": options.infra} if options.infra else {}),
        "image_id": f"docker:{job.container.image}",
        "cpus": f"{request.cpus}+",
        "memory": f"{-(-request.megabytes // 1000)}+",
        **({"accelerators": {request.gpu: request.gpus}} if request.gpu else {}),
        "use_spot": options.use_spot,
        **({"disk_size": options.disk_size} if options.disk_size else {}),
    }
    runs = [str(bind.path) for bind in job.container.binds if bind.writable]
    uploads: dict[str, Any] = {str(bind.path): str(bind.path) for bind in job.container.binds if not bind.writable}
    if options.bucket:
        uploads |= {path: {"source": options.bucket, "mode": "MOUNT_CACHED"} for path in runs}
    document = {
        "name": task_name(job, task),
        "resources": resources,
        "envs": {
            IMAGE_VARIABLE: job.container.digest,
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            **job.container.environment,
        },
        "file_mounts": uploads,
        **({"volumes": dict.fromkeys(runs, options.volume)} if options.volume else {}),
        "run": _command(job, task, request),
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    return f"# {job.title}: {task.label}\n{text}"


def _command(job: Job, task: JobTask, request: JobRequest) -> str:
    words = shlex.join(("rephase", *job.words(task)))
    seconds = request.seconds - min(WARNING_SECONDS, request.seconds // 2)
    return _RUN.replace("@SECONDS@", str(seconds)).replace("@WORDS@", words)


def _check(job: Job, options: SkyOptions) -> None:
    if bool(options.volume) == bool(options.bucket):
        raise UsageError(
            "names no place for runs" if not options.volume else "names two places for runs",
            where=f"{job.name}: options of skypilot",
            remedy="give --option volume=NAME on Kubernetes, or --option bucket=s3://NAME on a cloud",
        )
    if job.request.gpu == ANY_GPU:
        raise UsageError(
            "SkyPilot needs the GPU's type",
            where=f"{job.name}: resources.gpu",
            remedy="give --gpu H100 or another that 'sky show-gpus' lists",
        )
    if job.throttle is not None:
        raise UsageError(
            "SkyPilot has no limit of runs at once", where="--throttle", remedy="leave it out, and use --limit"
        )
