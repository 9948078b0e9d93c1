"""Physics of N simulations of one model, advanced together: the only file that calls MuJoCo's stepping functions.

Two ways to the same bits. ``BatchPhysics`` drives ``mujoco.batch`` (mujoco 3.17 and later), whose threads advance the
simulations while Python waits; ``LoopPhysics`` goes through one ``MjData`` per simulation on any mujoco. What is
observed and rewarded is not known here.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from rephase.errors import EnvironmentFault

__all__ = ["BatchPhysics", "LoopPhysics", "Physics", "batch_available", "open_physics"]

_STATE = ("qpos", "qvel", "qacc_warmstart", "ctrl", "time")
"""Fields the caller may write; everything else is computed from them."""


class Physics(Protocol):
    """N simulations of one model.

    Views are live: a state field (``qpos``, ``qvel``, ``qacc_warmstart``, ``ctrl``, ``time``) may be written and counts
    from the next call on; every other field is current after each call that computes it.
    """

    @property
    def model(self) -> Any:
        """The compiled ``mujoco.MjModel`` all simulations share; not to be changed."""
        ...

    @property
    def count(self) -> int:
        """Number N of simulations."""
        ...

    def view(self, field: str) -> NDArray[Any]:
        """Return the live (N, ...) array of an ``MjData`` field."""
        ...

    def reset(self) -> None:
        """Return every simulation to the model's defaults and compute all derived fields."""
        ...

    def forward(self, simulations: NDArray[np.intp] | None = None) -> None:
        """Compute all derived fields from the state.

        Args:
            simulations: Sorted indices of the simulations to do; None for all.
        """
        ...

    def step(self, substeps: int) -> None:
        """Advance by ``substeps`` physics steps and bring position and velocity fields up to date.

        Acceleration-stage sensors (touch) keep the value of the start of the last physics step.
        """
        ...

    def warnings(self) -> NDArray[np.int32]:
        """Return how often each simulation has raised each MuJoCo warning since the last reset, (N, kinds)."""
        ...

    def close(self) -> None:
        """Give back threads and memory; the views are dead afterwards."""
        ...


def batch_available() -> bool:
    """Tell whether the installed mujoco has the threaded batch (3.17 and later)."""
    return find_spec("mujoco.batch") is not None


def open_physics(model: Any, count: int, threads: int = 0) -> Physics:
    """Return N simulations on the fastest way this mujoco offers.

    Args:
        model: The compiled ``mujoco.MjModel``.
        count: Number N of simulations.
        threads: Threads to step with, 0 for one per CPU; the loop on plain ``MjData`` has only the caller's.
    """
    return BatchPhysics(model, count, threads) if batch_available() else LoopPhysics(model, count)


class BatchPhysics:
    """N simulations on MuJoCo's thread pool.

    The batch is persistent (one ``MjData`` per simulation): the fields made current after a step are then what the next
    step starts from, so nothing is computed twice, as in dm_control's own split of a step into its two halves.
    """

    def __init__(self, model: Any, count: int, threads: int = 0) -> None:
        from mujoco.batch import Batch

        self.model = model
        self.count = count
        self._batch = Batch(model, count, threads, persistent=True)
        self._stage = int(mujoco.mjtStage.mjSTAGE_VEL)
        self._counts: NDArray[np.int32] = self._batch.warning[:, :, 1]
        self._counted = self._counts.copy()

    def view(self, field: str) -> NDArray[Any]:
        """Return the live (N, ...) array of an ``MjData`` field."""
        return self._batch.bind(field)  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Return every simulation to the model's defaults and compute all derived fields."""
        self._call(self._batch.reset)
        self._counted = self._counts.copy()

    def forward(self, simulations: NDArray[np.intp] | None = None) -> None:
        """Compute all derived fields from the state."""
        self._call(self._batch.forward, ids=simulations)

    def step(self, substeps: int) -> None:
        """Advance by ``substeps`` physics steps and bring position and velocity fields up to date."""
        self._call(self._batch.step, nstep=substeps, stage=self._stage)

    def warnings(self) -> NDArray[np.int32]:
        """Return how often each simulation has raised each MuJoCo warning since the last reset, (N, kinds)."""
        return np.asarray(self._counts - self._counted)

    def close(self) -> None:
        """Give back threads and memory; the views are dead afterwards."""
        del self._batch

    def _call(self, function: Any, **arguments: Any) -> None:
        from mujoco.batch import SimulationError

        try:
            function(**arguments)
        except SimulationError as error:
            raise EnvironmentFault(f"MuJoCo stopped: {error}", remedy="reset the environment") from error


class LoopPhysics:
    """N simulations one after the other, each in its own ``MjData``."""

    def __init__(self, model: Any, count: int) -> None:
        self.model = model
        self.count = count
        self._data = [mujoco.MjData(model) for _ in range(count)]
        self._views: dict[str, NDArray[Any]] = {}
        for field in _STATE:
            self.view(field)

    def view(self, field: str) -> NDArray[Any]:
        """Return the live (N, ...) array of an ``MjData`` field."""
        if field not in self._views:
            self._views[field] = np.array([getattr(data, field) for data in self._data])
        return self._views[field]

    def reset(self) -> None:
        """Return every simulation to the model's defaults and compute all derived fields."""
        for simulation, data in enumerate(self._data):
            mujoco.mj_resetData(self.model, data)
            mujoco.mj_forward(self.model, data)
            self._save(simulation)

    def forward(self, simulations: NDArray[np.intp] | None = None) -> None:
        """Compute all derived fields from the state."""
        for simulation in range(self.count) if simulations is None else simulations:
            mujoco.mj_forward(self.model, self._load(simulation))
            self._save(simulation)

    def step(self, substeps: int) -> None:
        """Advance by ``substeps`` physics steps and bring position and velocity fields up to date."""
        for simulation in range(self.count):
            data = self._load(simulation)
            mujoco.mj_step(self.model, data, substeps)
            mujoco.mj_step1(self.model, data)
            self._save(simulation)

    def warnings(self) -> NDArray[np.int32]:
        """Return how often each simulation has raised each MuJoCo warning since the last reset, (N, kinds)."""
        return np.array([[warning.number for warning in data.warning] for data in self._data], dtype=np.int32)

    def close(self) -> None:
        """Give back memory; the views are dead afterwards."""
        self._data = []

    def _load(self, simulation: int) -> Any:
        data = self._data[simulation]
        for field in _STATE:
            setattr(data, field, self._views[field][simulation])
        return data

    def _save(self, simulation: int) -> None:
        data = self._data[simulation]
        for field, rows in self._views.items():
            rows[simulation] = getattr(data, field)
