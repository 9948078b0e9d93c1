"""Portable arithmetic: the same bits on every x86-64 machine with AVX2, whatever its make and whatever else it can do.

torch, its BLAS, numpy and numpy's BLAS each choose code for the CPU they meet, and what they choose decides the last
bits of a result. Variables that they read once tell them what to choose, while they are loaded. So the
variables are part of how a process is started: a command starts itself again with them, workers are started with
them, and a process that was started without them computes nothing under this name. What libraries offer no variable
for, the C library's functions, is looked at: a probe computes a few numbers and compares them with those seen before.

Importing this loads nothing that computes.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from rephase.errors import CannotRunHere
from rephase.manifest.hashing import bytes_digest, short
from rephase.manifest.schema import Arithmetic

__all__ = [
    "PROBED",
    "environment",
    "environment_of_workers",
    "is_started",
    "probe",
    "remarks",
    "restart",
    "strange",
    "used",
    "why_not",
]

PROBED: Mapping[str, str] = {
    "functions of torch 2.13.0": "sha256:eb285242ac15da189c0a7419c2ddfa58d3a39f4f59c0aeba27734fd65705af78",
    "C library": "sha256:47049f258b2fa1b1255a80c7b8f529f9e6136e4a222f284530dec6f09901d0bc",
    "numpy 2.4.6": "sha256:799433723d6715a0fa35a9ab09c63c1408510b53f07f3ee50c9de574ec26080e",
    "torch 2.13.0": "sha256:0a1d2a4f0500cc5f2ee9b88ba2f6921ee084a84985d63345a593f7b3f0c30df5",
}
"""Digest of each part of the probe where it was seen, by the part's name and version."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_OWNERS = ("ATEN_", "MKL_", "ONEDNN_", "DNNL_", "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "GOTO_", "NPY_")
_KEPT = ("MKL_ENABLE_INSTRUCTIONS",)
"""What stays although its owner is spoken to: it makes a CPU look lesser to MKL, which must not change a bit."""

_LEVEL = {"x86-64-v3": frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "abm"})}
_CPUINFO = Path("/proc/cpuinfo")
_STARTED_WITH = Path("/proc/self/environ")
_NUMPY_LEVELS = (2, 4)
_FEATURES = "SSSE3 SSE41 POPCNT SSE42 AVX F16C FMA3 AVX2"


def why_not(device: str = "cpu") -> str:
    """Say why portable arithmetic cannot be had here; empty where it can.

    Args:
        device: Where is computed.
    """
    if not device.startswith("cpu"):
        return f"it is for CPUs, and {device} computes"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"it is for x86-64 with Linux, and this is {platform.machine()} with {platform.system()}"
    if lacking := sorted(_LEVEL["x86-64-v3"] - _cpu_flags()):
        return f"this CPU lacks {', '.join(lacking)}"
    return ""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that makes a process started in it compute portably.

    Args:
        environ: The environment as it is. What it says to the libraries in question is left out.
    """
    kept = {name: value for name, value in environ.items() if name in _KEPT or not name.startswith(_OWNERS)}
    if tunables := kept.pop("GLIBC_TUNABLES", ""):
        others = [one for one in tunables.split(":") if not one.startswith("glibc.cpu.hwcaps")]
        kept |= {"GLIBC_TUNABLES": ":".join(others)} if others else {}
    return kept | _variables()


def is_started(device: str = "cpu") -> bool:
    """Whether this process was started so that it computes portably; setting variables afterwards does not count."""
    if why_not(device):
        return False
    entries = _STARTED_WITH.read_bytes().split(b"\0")
    started = dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)
    return environment(started) == started


def restart() -> NoReturn:
    """Start this process's command again, in its place, so that it computes portably.

    Raises:
        CannotRunHere: The system refuses.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment(os.environ))
    except OSError as error:
        raise CannotRunHere(
            f"the command could not be started again with portable arithmetic ({error.strerror})",
            remedy='say arithmetic = "native" in the manifest',
        ) from error


@contextmanager
def environment_of_workers(arithmetic: Arithmetic, device: str) -> Iterator[None]:
    """Give processes that are started inside the environment that ``arithmetic`` asks for."""
    if arithmetic is not Arithmetic.PORTABLE or why_not(device):
        yield
        return
    before = dict(os.environ)
    try:
        _replace(environment(before))
        yield
    finally:
        _replace(before)


def used(arithmetic: Arithmetic, device: str = "cpu") -> dict[str, Any]:
    """Settle what this process computes with, and say so for a record. Loads torch and numpy.

    Args:
        arithmetic: What is asked for.
        device: Where is computed.

    Returns:
        ``asked`` and ``used``; with portable arithmetic its ``probe`` by part, and otherwise ``because``, if there
        is a reason.

    Raises:
        CannotRunHere: Portable arithmetic can be had here, and this process was started without it.
    """
    report: dict[str, Any] = {"asked": str(arithmetic), "used": str(Arithmetic.NATIVE)}
    if arithmetic is Arithmetic.NATIVE:
        return report
    if reason := why_not(device) or _why_not_loaded():
        return {**report, "because": reason}
    if not is_started(device):
        raise CannotRunHere(
            "this process was started without portable arithmetic, which libraries only take on while they are loaded",
            remedy="run it with the rephase command, or in a process started with "
            + " ".join(
                f"{name}='{value}'" if " " in value else f"{name}={value}" for name, value in _variables().items()
            ),
        )
    import torch

    torch.set_num_threads(1)
    _require_loaded()
    return {**report, "used": str(Arithmetic.PORTABLE), "probe": probe()}


def remarks(report: Mapping[str, Any], threads: int = 0) -> list[str]:
    """What a user should know of the arithmetic that `used` reports, in lines; none where all is as asked.

    Args:
        report: What `used` returned.
        threads: Threads of one process the user asked for; 0 for no wish.
    """
    if reason := report.get("because"):
        return [f"{report['asked']} arithmetic cannot be had here: {reason}; results are judged by their values"]
    if report["used"] == Arithmetic.NATIVE:
        return []
    odd = strange(report["probe"])
    return [
        *([f"portable arithmetic takes one thread a process, not {threads}; --jobs uses more cores"] * (threads > 1)),
        *([f"portable arithmetic may give other bits here than it was seen to give: {odd}"] if odd else []),
    ]


def probe() -> dict[str, str]:
    """Digest of a few results of each library that computes, by its name and version; takes milliseconds."""
    import numpy as np
    import torch

    points = [0.37 * at - 181.1 for at in range(1000)]
    functions = (math.sin, math.cos, math.tan, math.atan, lambda x: math.exp(x / 16), lambda x: abs(x) ** 0.37)
    scalars = np.array([[function(x) for x in points] for function in functions])
    x = np.array(points)
    square = x[:900].reshape(30, 30)
    arrays = [np.sin(x), np.exp(x / 16), np.tan(x), np.log(np.abs(x)), np.arctan(x), square @ square, x.sum()]
    single = np.stack([square, square + 1]).astype(np.float32)
    arrays += [single @ single.transpose(0, 2, 1), single[:, :7] @ single]
    rows = torch.tensor(points, dtype=torch.float32).reshape(20, 50) / 100
    tensors = [rows @ rows.T, rows.softmax(-1), rows.tanh(), rows.exp(), torch.nn.functional.layer_norm(rows, (50,))]
    tensors += [torch.bmm(rows.expand(3, 20, 50), rows.T.expand(3, 50, 20)), rows.double() @ rows.double().T]
    functions_of_torch = (torch.sin, torch.cos, torch.log1p, torch.expm1, torch.rsqrt, torch.nn.functional.mish)
    waves = [function(one.abs()) for one in (rows, rows.double()) for function in functions_of_torch]
    release = torch.__version__.partition("+")[0]
    return {
        "C library": bytes_digest(scalars.tobytes()),
        f"numpy {np.__version__}": bytes_digest(b"".join(np.asarray(one).tobytes() for one in arrays)),
        f"torch {release}": bytes_digest(b"".join(one.numpy().tobytes() for one in tensors)),
        f"functions of torch {release}": bytes_digest(b"".join(one.numpy().tobytes() for one in waves)),
    }


def strange(probed: Mapping[str, str]) -> str:
    """Say which parts of a probe give other numbers than were seen before, or were never seen; empty for none."""
    found = [f"{part} is new to this version" for part in probed if part not in PROBED]
    found += [
        f"{part} computes {short(digest)}, seen was {short(PROBED[part])}"
        for part, digest in probed.items()
        if part in PROBED and PROBED[part] != digest
    ]
    return ", ".join(found)


def _variables() -> dict[str, str]:
    return {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_ENABLE_CPU_FEATURES": "X86_V3" if _numpy_release() >= _NUMPY_LEVELS else _FEATURES,
        **dict.fromkeys(_THREADS, "1"),
    }


def _numpy_release() -> tuple[int, ...]:
    """Version of the installed numpy, which names what CPUs can do in its own way; known without loading it."""
    from packaging.version import Version

    try:
        return Version(version("numpy")).release
    except PackageNotFoundError:
        return _NUMPY_LEVELS


def _cpu_flags() -> frozenset[str]:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), frozenset())


def _why_not_loaded() -> str:
    import torch

    has_mkl: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return "" if has_mkl else "this torch has no MKL"


def _require_loaded() -> None:
    """Refuse a torch that did not take on what its variables said."""
    import torch

    found = torch.backends.cpu.get_cpu_capability()
    if found != "AVX2":
        raise CannotRunHere(
            f"torch computes with {found}, although it was set to AVX2",
            remedy='report this, or say arithmetic = "native" in the manifest',
        )


def _replace(environ: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environ):
        del os.environ[name]
    os.environ.update(environ)


def _main() -> int:
    """Answer, as JSON, what portable arithmetic computes in a process of its own: what ``rephase doctor`` looks at."""
    if not why_not() and not is_started():
        restart()
    sys.stdout.write(json.dumps(used(Arithmetic.PORTABLE)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
