"""Describes the machine a run is on: CPU, GPU, driver, container image and SLURM job.

Plain values for a record's provenance and for `rephase doctor`. It measures nothing, changes nothing, and imports
torch only when it is asked for the GPU and torch is installed.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from rephase.protocols.runner import IMAGE_VARIABLE, JOB_VARIABLE

__all__ = ["Gpu", "Machine", "SlurmJob", "describe_job", "describe_machine", "image_digest", "job_label"]


@frozen(kw_only=True)
class Gpu:
    """One CUDA device as the driver and torch describe it.

    Args:
        name: Marketing name, such as ``NVIDIA H100 80GB HBM3``.
        sm_count: Number of streaming multiprocessors.
        capability: Compute capability, such as ``9.0``.
        memory_bytes: Memory of the device, bytes.
        driver: Version of the NVIDIA driver; empty when ``nvidia-smi`` is not there to tell.
        cuda: CUDA version that torch was built for.
    """

    name: str
    sm_count: int
    capability: str
    memory_bytes: int
    driver: str
    cuda: str


@frozen(kw_only=True)
class SlurmJob:
    """The SLURM job a process belongs to.

    Args:
        job_id: Number of this job.
        array_job_id: Number of the array it is a task of; empty outside an array.
        array_task_id: Index in that array; empty outside an array.
        partition: Partition it runs in.
        node: Node it runs on.
        restarts: How often the queue started it again.
    """

    job_id: str
    array_job_id: str = ""
    array_task_id: str = ""
    partition: str = ""
    node: str = ""
    restarts: int = 0

    @property
    def label(self) -> str:
        """The job as the queue prints it: ``4011713_4`` for an array task, ``4011713`` otherwise."""
        return f"{self.array_job_id}_{self.array_task_id}" if self.array_job_id else self.job_id


@frozen(kw_only=True)
class Machine:
    """Where a run was made, as plain values.

    Args:
        host: Name of the machine.
        system: Operating system, kernel and architecture.
        cpu: Model of the CPU.
        cores: Logical cores this process may use.
        memory_bytes: Memory of the machine, bytes; 0 when the system does not say.
        python: Version of Python.
        torch: Version of torch; empty where it is not installed.
        threads: Threads torch uses for one operation; 0 where it is not installed.
        flags: Settings of torch that decide whether results repeat bit for bit.
        gpu: The first CUDA device this process sees; None on a CPU.
        image: Digest of the container image (``sha256:...``); empty outside a container or when nobody said it.
        container: Whether this process is in an Apptainer container.
        slurm: The SLURM job; None outside SLURM.
    """

    host: str
    system: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str
    torch: str = ""
    threads: int = 0
    flags: Mapping[str, bool | str] = field(factory=dict)
    gpu: Gpu | None = None
    image: str = ""
    container: bool = False
    slurm: SlurmJob | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return everything but names of machines as nested dictionaries of JSON values, for a record.

        Records are published; what a machine is called says nothing about a result and something about its owner.
        """
        return asdict(self, filter=lambda attribute, _: attribute.name not in ("host", "node"))


def describe_machine(environ: Mapping[str, str] | None = None) -> Machine:
    """Say what this process runs on.

    Args:
        environ: Environment to read the image and SLURM variables from; the process's own by default.

    Returns:
        The description; parts the machine does not tell are empty, never guessed.
    """
    env = os.environ if environ is None else environ
    torch_version, threads, flags, gpu = _describe_torch()
    return Machine(
        host=platform.node(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu_model(Path("/proc/cpuinfo")),
        cores=_usable_cores(),
        memory_bytes=_memory_bytes(),
        python=platform.python_version(),
        torch=torch_version,
        threads=threads,
        flags=flags,
        gpu=gpu,
        image=image_digest(env),
        container=bool(env.get("APPTAINER_CONTAINER") or env.get("SINGULARITY_CONTAINER")),
        slurm=describe_job(env),
    )


def describe_job(environ: Mapping[str, str] | None = None) -> SlurmJob | None:
    """Say which SLURM job this process belongs to.

    Args:
        environ: Environment to read; the process's own by default.

    Returns:
        The job, or None outside SLURM.
    """
    env = os.environ if environ is None else environ
    job_id = env.get("SLURM_JOB_ID", "")
    if not job_id:
        return None
    restarts = env.get("SLURM_RESTART_COUNT", "0")
    return SlurmJob(
        job_id=job_id,
        array_job_id=env.get("SLURM_ARRAY_JOB_ID", ""),
        array_task_id=env.get("SLURM_ARRAY_TASK_ID", ""),
        partition=env.get("SLURM_JOB_PARTITION", ""),
        node=env.get("SLURMD_NODENAME", ""),
        restarts=int(restarts) if restarts.isdigit() else 0,
    )


def job_label(environ: Mapping[str, str] | None = None) -> str:
    """Return the job this process belongs to, as its engine names it; empty outside one."""
    env = os.environ if environ is None else environ
    job = describe_job(env)
    return job.label if job else env.get(JOB_VARIABLE, "")


def image_digest(environ: Mapping[str, str] | None = None) -> str:
    """Return the digest of the container image this process is in, as whoever started it said; empty otherwise."""
    env = os.environ if environ is None else environ
    return env.get(IMAGE_VARIABLE, "")


def _describe_torch() -> tuple[str, int, dict[str, bool | str], Gpu | None]:
    if find_spec("torch") is None:
        return "", 0, {}, None
    import torch

    flags: dict[str, bool | str] = {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cublas_workspace_config": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
    }
    gpu = None
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        gpu = Gpu(
            name=properties.name,
            sm_count=properties.multi_processor_count,
            capability=f"{properties.major}.{properties.minor}",
            memory_bytes=properties.total_memory,
            driver=_driver_version(),
            cuda=torch.version.cuda or "",
        )
    return torch.__version__, torch.get_num_threads(), flags, gpu


def _driver_version() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.split()
    return lines[0] if done.returncode == 0 and lines else ""


def _cpu_model(cpuinfo: Path) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
