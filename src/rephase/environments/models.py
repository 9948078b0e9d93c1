"""Compile the models of the tasks: dm_control's files for the stock bodies, ours for the three-link reacher.

The files are read straight from the installed packages, so neither dm_control's suite nor a graphics backend is loaded.
"""

from __future__ import annotations

import warnings
from importlib.resources import files
from typing import Any

import mujoco

from rephase.errors import CannotRunHere

__all__ = ["custom_model", "stock_model"]

_SHARED = ("materials.xml", "skybox.xml", "visual.xml")
"""Looks that every model of the suite includes."""


def stock_model(name: str) -> Any:
    """Compile a model of dm_control's suite.

    Args:
        name: Name of its file without the ending, such as ``walker``.

    Returns:
        The ``mujoco.MjModel``.

    Raises:
        CannotRunHere: When dm_control is not installed.
    """
    return _compile(_suite().joinpath(f"{name}.xml").read_text())


def custom_model(name: str) -> Any:
    """Compile a model that comes with this package.

    Args:
        name: Name of its file without the ending, such as ``reacher_three``.

    Returns:
        The ``mujoco.MjModel``.

    Raises:
        CannotRunHere: When dm_control, whose materials it includes, is not installed.
    """
    return _compile(files("rephase.environments.domains").joinpath(f"{name}.xml").read_text())


def _suite() -> Any:
    try:
        return files("dm_control").joinpath("suite")
    except ModuleNotFoundError as error:
        raise CannotRunHere(
            "the tasks need dm_control, which is not installed", remedy="pip install 'rephase[run]'"
        ) from error


def _compile(text: str) -> Any:
    shared = {f"./common/{name}": _suite().joinpath("common", name).read_bytes() for name in _SHARED}
    with warnings.catch_warnings():
        # The stock cheetah uses an attribute that mujoco 3.17 calls deprecated; it is not ours to change.
        warnings.filterwarnings("ignore", message="compiler attribute 'settotalmass' is deprecated")
        return mujoco.MjSpec.from_string(text, shared).compile()
