"""Time, arithmetic and memory of a piece of work, and what the machine could do at best."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from attrs import define, field
from torch.utils.flop_counter import FlopCounterMode

from rephase.engine.precision import training_precision
from rephase.engine.products import by, multiply
from rephase.manifest.algorithm import Precision

__all__ = ["Stopwatch", "count_operations", "matrix_product_peak", "peak_memory", "refusal"]


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


@define
class Stopwatch:
    """Least wall and processor seconds of each named piece of work over all repetitions.

    The least is taken because other programs on the machine only ever add. Processor seconds sum over threads.
    """

    device: str
    wall: dict[str, float] = field(factory=dict)
    processor: dict[str, float] = field(factory=dict)

    def time(self, name: str, work: Callable[[], object]) -> object:
        _wait(self.device)
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        _wait(self.device)
        found = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        for kind, seconds in found.items():
            least = getattr(self, kind)
            least[name] = min(least.get(name, seconds), seconds)
        return result


def count_operations(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products in a piece of work."""
    counter = FlopCounterMode(display=False)
    with counter, by("torch"):  # what numpy multiplies is not seen
        work()
    return counter.get_total_flops()


def matrix_product_peak(device: str, precision: Precision = Precision.FLOAT32, seconds: float = 1.0) -> float:
    """Most operations a second any square product reached here in a precision."""
    best = 0.0
    dtype = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
    for size in (512, 1024, 2048, *((4096, 8192) if device != "cpu" else ())):
        left, right = (torch.randn(1, size, size, device=device).to(dtype) for _ in range(2))
        out, watch = torch.empty_like(left), Stopwatch(device)
        until = time.perf_counter() + seconds
        with training_precision(precision, torch.device(device)):
            multiply(left, right, out=out)
            while time.perf_counter() < until:
                watch.time("product", lambda a=left, b=right, c=out: multiply(a, b, out=c))
        best = max(best, 2 * size**3 / watch.wall["product"])
    return best


def peak_memory(device: str, work: Callable[[], object]) -> int | None:
    """Most bytes in use during a piece of work: of the device, or of this process where the system can tell."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        work()
        _wait(device)
        return torch.cuda.max_memory_allocated()
    if not sys.platform.startswith("linux"):
        work()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Path("/proc/self/clear_refs").write_text("5")  # forgets the high-water mark
    work()
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def refusal(device: str, precision: Precision) -> str:
    """Why something cannot be measured on this machine, for whoever asked; empty where it can."""
    if device == "cuda" and not torch.cuda.is_available():
        return f"--device cuda: torch {torch.__version__} finds no CUDA device here; give --device cpu"
    if device == "cpu" and precision == Precision.TF32:
        return "--precision tf32: a CPU has no TF32; give float32 or bfloat16, or --device cuda"
    return ""
