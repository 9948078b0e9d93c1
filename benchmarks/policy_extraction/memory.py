"""How much memory an update's tensors take on a GPU, counted where there is none.

    python -m benchmarks.policy_extraction.memory --size 48M --runs 9 --json

The update is asked for on torch's `meta` device, whose tensors have sizes and no numbers; every operation is looked at,
and the bytes of all storages alive after it are added up. Parameters, optimisers, gradients, inputs and everything
autograd keeps are in it. What a GPU adds is not: its context, the workspaces of its libraries, an allocator's gaps, and
temporaries inside one operation. A recorded update keeps its tensors in a pool of its own, in which none is shared
with other work.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.policy_extraction.sizes import CONFIGS, SIZES, Problem

__all__ = ["Bytes", "count"]


class Bytes(TorchDispatchMode):
    """While entered, adds up the storages that operations leave alive.

    Args:
        held: Tensors that were there before.

    Attributes:
        now: Bytes alive after the latest operation.
        peak: Most bytes alive after any.
    """

    def __init__(self, held: Sequence[Tensor]) -> None:
        super().__init__()
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.now = self.peak = 0
        self._meet(held)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation and count what is alive after it."""
        result = func(*args, **(kwargs or {}))
        self._meet([leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)])
        return result

    def _meet(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            if tensor.device.type == "meta":
                storage = StorageWeakRef(tensor.untyped_storage())
                self._alive[storage.cdata] = (storage, tensor.untyped_storage().nbytes())
        self._alive = {key: one for key, one in self._alive.items() if not one[0].expired()}
        self.now = sum(size for _, size in self._alive.values())
        self.peak = max(self.peak, self.now)


class _Moments:
    """What Adam keeps of each parameter; torch's own refuses this device, and its fused step needs nothing besides."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = parameters
        self._kept: list[Tensor] = []

    def zero_grad(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def step(self) -> None:
        if not self._kept:
            self._kept = [torch.zeros_like(parameter) for parameter in self._parameters for _ in range(2)]


def count(size: str, config: str, runs: int, **changes: Any) -> dict[str, Any]:
    """Count the memory of the second update of some runs; the first makes the optimisers' moments.

    Args:
        size: Name of the size.
        config: Name of the config.
        runs: Runs in the stack.
        changes: Settings of the algorithm that differ from the size's own.
    """
    problem = Problem.of(size, config, runs, "meta", **changes)
    with mock.patch("rephase.engine.learner._adam", lambda parameters, *_: _Moments(parameters)):
        learner = problem.learner()
    batch = problem.batch()
    parts = (learner.policy, learner.critics)
    held = [value for part in parts for value in part.parameters().values()]
    held += [*learner.world_model.module.parameters(), batch.observation, batch.noise]
    with Bytes(held) as bytes_:
        learner.learn(batch)
        between = bytes_.now
        learner.learn(batch)
    algorithm = problem.size.algorithm
    return {
        "size": size,
        "config": config,
        "runs": runs,
        "batch_size": algorithm.batch_size,
        "horizon": algorithm.horizon,
        "between_updates_bytes": between,
        "peak_bytes": bytes_.peak,
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_extraction.memory", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="48M")
    parser.add_argument("--config", choices=CONFIGS, default="baseline")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--batch-size", type=int, help="instead of the size's own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    changes = {"batch_size": options.batch_size} if options.batch_size else {}
    found = count(options.size, options.config, options.runs, **changes)
    print(json.dumps(found, indent=2) if options.json else _text(found))


def _text(found: dict[str, Any]) -> str:
    return (
        f"{found['size']} {found['config']}, {found['runs']} runs, batch {found['batch_size']}, horizon "
        f"{found['horizon']}: {found['peak_bytes'] / 1e9:.2f} GB at most, "
        f"{found['between_updates_bytes'] / 1e9:.2f} GB between updates"
    )


if __name__ == "__main__":
    main()
