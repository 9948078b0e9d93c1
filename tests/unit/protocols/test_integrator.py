"""What has the methods of an integrator is one; a name that is served on demand does not make it one."""

from __future__ import annotations

from typing import Any

from rephase.protocols import Integrator


class Euler:
    def step(self, velocity: Any, x: Any, tau: float, dtau: float) -> Any:
        return x + dtau * velocity(x, tau)

    def order(self) -> int:
        return 1

    def evaluations_per_step(self) -> int | None:
        return 1


class WithoutOrder:
    step, evaluations_per_step = Euler.step, Euler.evaluations_per_step


def test_all_methods_make_an_integrator() -> None:
    assert isinstance(Euler(), Integrator)
    assert not isinstance(WithoutOrder(), Integrator)


def test_a_protocol_has_methods_only_so_that_every_python_sees_the_same() -> None:
    assert {name for name in vars(Integrator) if not name.startswith("_")} == {"step", "order", "evaluations_per_step"}
    assert all(callable(vars(Integrator)[name]) for name in ("step", "order", "evaluations_per_step"))
    assert not Integrator.__annotations__
