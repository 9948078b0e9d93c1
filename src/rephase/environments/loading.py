"""Load the parts of this room that need a simulator, and say clearly why one cannot be loaded here."""

from __future__ import annotations

import importlib
import os
from typing import Any

from rephase.errors import CannotRunHere

__all__ = ["load"]


def load(name: str) -> Any:
    """Import a module of this room.

    Args:
        name: Its name, such as ``environment``, ``rendering`` or ``vectors``.

    Returns:
        The module.

    Raises:
        CannotRunHere: When mujoco or dm_control is not installed, or mujoco does not load with the ``MUJOCO_GL`` set.
    """
    try:
        return importlib.import_module(f"rephase.environments.{name}")
    except ModuleNotFoundError as error:
        raise CannotRunHere(
            f"the tasks need {error.name}, which is not installed", remedy="pip install 'rephase[run]'"
        ) from error
    # mujoco loads the graphics backend MUJOCO_GL names, and a missing library shows as almost any exception.
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        setting = os.environ.get("MUJOCO_GL", "")
        raise CannotRunHere(
            f"mujoco does not load here with MUJOCO_GL={setting!r} ({type(error).__name__}: {error})",
            remedy="unset MUJOCO_GL, or set it to a backend that is installed or to 'disable'",
        ) from error
