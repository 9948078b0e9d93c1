"""How a container is started, as words of a command; nothing is started here.

The environment is cleaned, no home folder, no user site-packages, inputs bound read-only, outputs bound writable,
and the few variables a run must know are passed by name through ``APPTAINERENV_`` (``--env`` would split values with
commas, such as ``CUDA_VISIBLE_DEVICES=0,1``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rephase.protocols import Bind, Container
from rephase.protocols.runner import IMAGE_VARIABLE

__all__ = ["FIXED", "PASSED", "container_environment", "run_command"]

#: Variables of the host a run is told about, when they are set.
PASSED = (
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_PARTITION",
    "SLURMD_NODENAME",
    "SLURM_RESTART_COUNT",
    "SLURM_CPUS_PER_TASK",
)

#: Variables every container gets, whatever the host says.
FIXED: Mapping[str, str] = {"PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}


def run_command(container: Container, arguments: Iterable[str], *, gpu: bool = False) -> tuple[str, ...]:
    """Return the command line that runs ``rephase ARGUMENTS`` in a container.

    Args:
        container: Image and binds.
        arguments: Arguments of ``rephase``.
        gpu: Whether to hand in the NVIDIA driver. Apptainer is silent when there is none, so ask only where one is.

    Returns:
        The words of the command; to be started with `container_environment`.
    """
    binds = [word for bind in container.binds for word in ("--bind", _text(bind))]
    return (
        "apptainer",
        "run",
        *(("--nv",) if gpu else ()),
        "--cleanenv",
        "--no-home",
        "--no-mount",
        "cwd",
        "--pwd",
        "/",
        *binds,
        container.image,
        *arguments,
    )


def container_environment(container: Container, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment to start `run_command` in.

    Args:
        container: The container.
        environ: Environment of the host.

    Returns:
        The host's environment with what the container is told added; everything else is cleaned away inside.
    """
    variables = {**FIXED, IMAGE_VARIABLE: container.digest, **container.environment}
    variables |= {name: environ[name] for name in PASSED if name in environ}
    return dict(environ) | {f"APPTAINERENV_{name}": value for name, value in variables.items()}


def _text(bind: Bind) -> str:
    return f"{bind.path}:{bind.path}:{'rw' if bind.writable else 'ro'}"
