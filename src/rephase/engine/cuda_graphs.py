"""CUDA graphs: one piece of work that is run again and again, as it is written or recorded once and replayed.

On a GPU an update is thousands of small operations, and asking for each costs more time than most of them take. A CUDA
graph asks for all of them at once. Work can be recorded if it reads and writes only tensors that stay where they are,
draws no random numbers, and never waits for the device; work that cannot is run as it is written, and `Program.mode`
says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["CudaGraphs", "Program", "Recorder", "SynchronisationDetector", "Work", "recorder_for"]

Work: TypeAlias = Callable[[], Mapping[str, Tensor]]
"""Something to be done; returns tensors by name."""

_REHEARSALS = 3
"""Times work is run before it is recorded, so that libraries and optimisers have made what they make once."""


class Recorder(Protocol):
    """What records the operations of a piece of work."""

    def rehearse(self, work: Work) -> Mapping[str, Tensor]:
        """Run work as it is written, in a way that it can be recorded afterwards."""
        ...

    def record(self, work: Work) -> tuple[Callable[[], object], Mapping[str, Tensor]]:
        """Record work without running it.

        Returns:
            What replays it, and the tensors that hold its results after each replay.

        Raises:
            RuntimeError: It cannot be recorded; nothing was run.
        """
        ...


class CudaGraphs:
    """Records on a CUDA device, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def rehearse(self, work: Work) -> Mapping[str, Tensor]:
        """Run work on the stream it will be recorded on."""
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = work()
        current.wait_stream(self._stream)
        return result

    def record(self, work: Work) -> tuple[Callable[[], object], Mapping[str, Tensor]]:
        """Capture work as a graph."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._stream.device), torch.cuda.graph(graph, stream=self._stream):
            result = work()
        return graph.replay, result


def recorder_for(device: torch.device) -> Recorder | None:
    """What can record on a device: a CUDA graph on a GPU, nothing on a CPU, where asking costs next to nothing."""
    return CudaGraphs(device) if device.type == "cuda" else None


class Program:
    """A piece of work that is run many times.

    The first runs are rehearsals and count like all others. In the last of them every operation is looked at: if one
    would wait for the device, nothing is recorded.

    Args:
        work: The work.
        device: Where it computes.
        recorder: What records it; None to run it as it is written.
    """

    def __init__(self, work: Work, device: torch.device, recorder: Recorder | None) -> None:
        self._work = work
        self._device = device
        self._recorder = recorder
        self.forget()

    def forget(self) -> None:
        """Drop what was recorded; to be called when a tensor that the work uses was replaced by another."""
        self._left = _REHEARSALS
        self._replay: Callable[[], object] | None = None
        self._result: Mapping[str, Tensor] = {}
        self._reason = ""

    @property
    def mode(self) -> str:
        """How the work is run now: ``replayed``, or ``as written``, with the reason where it should be replayed."""
        if self._replay is not None:
            return "replayed"
        return f"as written: {self._reason}" if self._reason else "as written"

    def run(self) -> Mapping[str, Tensor]:
        """Do the work once; the results are good until the next call."""
        if self._replay is not None:
            self._replay()
            return self._result
        if self._recorder is None or self._reason:
            return self._work()
        if self._left:
            self._left -= 1
            return self._rehearse(self._recorder)
        try:
            self._replay, self._result = self._recorder.record(self._work)
        except RuntimeError as error:
            self._reason = f"recording failed ({_first_line(error)})"
        return self.run()

    def _rehearse(self, recorder: Recorder) -> Mapping[str, Tensor]:
        if self._left:
            return recorder.rehearse(self._work)
        with SynchronisationDetector(self._device) as detector:
            result = recorder.rehearse(self._work)
        if detector.operations:
            self._reason = f"it waits for the device ({', '.join(detector.operations)})"
        return result


class SynchronisationDetector(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, notes every operation that makes the host wait for a device, or the device for the host.

    Args:
        device: The device.

    Attributes:
        operations: Names of the operations, in the order they were first met.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[str] = []
        self._device = device

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation and look at it."""
        result = func(*args, **(kwargs or {}))
        name = str(func.overloadpacket)
        if (name in _WAITING or self._meets_the_host(name, args, result)) and name not in self.operations:
            self.operations.append(name)
        return result

    def _meets_the_host(self, name: str, args: tuple[Any, ...], result: Any) -> bool:
        if name == "aten.lift_fresh":  # torch.tensor(numbers, device=...); a single number may be a fill
            return bool(result.ndim and result.device.type == self._device.type)
        if name in _INDEXING:  # by a mask: how many entries it picks is found on the host
            return any(isinstance(leaf, Tensor) and leaf.dtype is torch.bool for leaf in tree_leaves(args[1]))
        if name not in ("aten._to_copy", "aten.copy_"):
            return False
        kinds = {leaf.device.type for leaf in tree_leaves((args, result)) if isinstance(leaf, Tensor)}
        return len(kinds) > 1


_INDEXING = frozenset({"aten.index", "aten.index_put", "aten.index_put_"})
_WAITING = frozenset(
    f"aten.{name}"
    for name in (
        "_local_scalar_dense",
        "equal",
        "is_nonzero",
        "masked_select",
        "nonzero",
        "unique_consecutive",
        "unique_dim",
        "_unique2",
    )
)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
