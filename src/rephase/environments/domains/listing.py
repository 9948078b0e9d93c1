"""Which file describes which body."""

from __future__ import annotations

from rephase.environments.domains.acrobot import Acrobot
from rephase.environments.domains.base import Domain
from rephase.environments.domains.cartpole import Cartpole
from rephase.environments.domains.cheetah import Cheetah
from rephase.environments.domains.cup import Cup
from rephase.environments.domains.finger import Finger
from rephase.environments.domains.fish import Fish
from rephase.environments.domains.hopper import Hopper
from rephase.environments.domains.pendulum import Pendulum
from rephase.environments.domains.reacher import Reacher
from rephase.environments.domains.walker import Walker
from rephase.environments.tasks import Task

__all__ = ["open_domain"]

_DOMAINS: dict[str, type[Domain]] = {
    "acrobot": Acrobot,
    "cartpole": Cartpole,
    "cheetah": Cheetah,
    "cup": Cup,
    "finger": Finger,
    "fish": Fish,
    "hopper": Hopper,
    "pendulum": Pendulum,
    "reacher": Reacher,
    "reacher-three": Reacher,
    "walker": Walker,
}


def open_domain(task: Task) -> type[Domain]:
    """Return the class that describes a task's body."""
    return _DOMAINS[task.domain]
