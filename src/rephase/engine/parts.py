"""Parts of many runs behind one call: a module that all runs share, or one copy for each, stacked.

A part is written for one run. Here its methods are called for R runs at once, with R as the first axis of every
batch and the second where a time axis leads: under `torch.func.vmap`, or with stacked parameters in place of one run's
where the part's class itself names the method in ``of_copies``, which saves the time that vmap takes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

__all__ = ["Method", "SharedPart", "StackedPart"]

Method: TypeAlias = str | Callable[..., Tensor]
"""A method of the part by name, or a function that gets the part as its first argument."""


class SharedPart:
    """One frozen module that serves all runs as a single large batch.

    Args:
        module: The part; its parameters are frozen here.
        runs: Number R of runs.
    """

    def __init__(self, module: nn.Module, runs: int) -> None:
        self.module = module.requires_grad_(False)
        self.runs = runs

    def call(self, method: str, *arguments: Tensor) -> Tensor:
        """Call a method with batches (R, B, ...) and return (R, B, ...)."""
        flat = [argument.flatten(0, 1) for argument in arguments]
        result: Tensor = getattr(self.module, method)(*flat)
        return result.reshape(self.runs, -1, *result.shape[1:])

    def call_over_time(self, method: str, *arguments: Tensor, task: Tensor) -> Tensor:
        """Call a method with sequences (T, R, B, ...) and tasks (R, B) and return (T, R, B, ...)."""
        flat = [argument.flatten(1, 2) for argument in arguments]
        result: Tensor = getattr(self.module, method)(*flat, task.flatten())
        return result.reshape(result.shape[0], self.runs, -1, *result.shape[2:])

    def constrain(self, *arguments: Tensor) -> None:
        """Let the module put its parameters back inside their bounds; arguments are (R, B)."""
        self.module.constrain(*(argument.flatten(0, 1) for argument in arguments))  # type: ignore[operator]

    def parameters(self) -> dict[str, nn.Parameter]:
        """Nothing: a shared part does not train."""
        return {}

    def copied(self) -> SharedPart:
        """The part as it is now, on the CPU, sharing nothing with this one."""
        return SharedPart(copy.deepcopy(self.module).to("cpu"), self.runs)


class StackedPart:
    """One copy of a part for each run, run as a single program.

    Args:
        modules: The runs' copies, equal but for their numbers.
        stackable: Whether the copies may run under `torch.func.vmap`; one after the other otherwise.

    Attributes:
        of_copies: Methods that are called with the parameters of all copies, as the part's own class names them.
    """

    def __init__(self, modules: Sequence[nn.Module], stackable: bool = True) -> None:
        self.runs = len(modules)
        self.stackable = stackable
        states, buffers = stack_module_state([_Methods(module) for module in modules])
        self._parameters = {name: nn.Parameter(value.detach()) for name, value in states.items()}
        self._buffers = dict(buffers)
        self._template = _Methods(modules[0])
        # Not inherited: whoever overrides a method may not know of copies.
        self.of_copies: tuple[str, ...] = vars(type(modules[0])).get("of_copies", ())

    def call(self, method: Method, *arguments: Tensor) -> Tensor:
        """Call a method or function with one argument per run along the first axis, (R, ...), and return (R, ...)."""
        return self._map(method, arguments)

    def call_over_time(self, method: str, *arguments: Tensor, task: Tensor) -> Tensor:
        """Call a method with sequences (T, R, B, ...) and tasks (R, B) and return (T, R, B, ...)."""
        sequences = [argument.transpose(0, 1) for argument in arguments]
        return self._map(method, (*sequences, task)).transpose(0, 1)

    @property
    def module(self) -> nn.Module:
        """One copy, for what does not depend on a run's numbers: the numbers it holds are not any run's."""
        return self._template.part

    def constrain(self, *arguments: Tensor) -> None:
        """Let each run's copy put its parameters back inside their bounds, in place; arguments are (R, ...)."""
        with torch.no_grad():
            for run in range(self.runs):
                state = {name: value.data[run] for name, value in self._state().items()}
                functional_call(self._template, state, ("constrain", *(argument[run] for argument in arguments)))

    def parameters(self) -> dict[str, nn.Parameter]:
        """The stacked parameters, (R, ...) each, by their name in one copy."""
        return {name.removeprefix(_PREFIX): value for name, value in self._parameters.items()}

    def state(self, run: int) -> dict[str, Tensor]:
        """Parameters and buffers of one run's copy, detached clones by name."""
        return {name.removeprefix(_PREFIX): value.detach()[run].clone() for name, value in self._state().items()}

    def copied(self) -> StackedPart:
        """The copies as they are now, on the CPU, sharing nothing with these."""
        twin = copy.copy(self)
        twin._parameters = {
            name: nn.Parameter(value.detach().to("cpu", copy=True), requires_grad=False)
            for name, value in self._parameters.items()
        }
        twin._buffers = {name: value.to("cpu", copy=True) for name, value in self._buffers.items()}
        # A call puts its own numbers into the template while it lasts, so that two threads need two.
        twin._template = copy.deepcopy(self._template).to("cpu")
        return twin

    def _state(self) -> dict[str, Tensor]:
        return {**self._parameters, **self._buffers}

    def _map(self, method: Method, arguments: tuple[Tensor, ...]) -> Tensor:
        state = self._state()
        if self.stackable and self.runs > 1:
            if method in self.of_copies:
                return functional_call(self._template, state, (method, *arguments))  # type: ignore[no-any-return]

            def call(state: dict[str, Tensor], *rows: Tensor) -> Any:
                return functional_call(self._template, state, (method, *rows))

            mapped: Tensor = vmap(call)(state, *arguments)
            return mapped
        results = []
        for run in range(self.runs):
            rows = (argument[run] for argument in arguments)
            own = {name: value[run] for name, value in state.items()}
            results.append(functional_call(self._template, own, (method, *rows)))
        return torch.stack(results)


class _Methods(nn.Module):
    """Makes every method of a part reachable through ``forward``, which is all `functional_call` can call."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, method: Method, *arguments: Tensor) -> Any:
        if callable(method):
            return method(self.part, *arguments)
        return getattr(self.part, method)(*arguments)


_PREFIX = "part."
