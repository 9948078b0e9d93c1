"""What needs a simulator is loaded when it is asked for, and a machine without one says why not."""

import pytest

from rephase.environments import loading
from rephase.environments.loading import load
from rephase.errors import CannotRunHere


def test_a_module_of_the_room_is_loaded_by_name():
    assert load("shaping").__name__ == "rephase.environments.shaping"


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            ModuleNotFoundError("No module named 'mujoco'", name="mujoco"),
            "the tasks need mujoco, which is not installed",
        ),
        (AttributeError("no glGetError"), r"does not load here with MUJOCO_GL='egl' \(AttributeError: no glGetError\)"),
        (OSError("libEGL.so.1"), "unset MUJOCO_GL"),
    ],
)
def test_why_it_cannot_be_loaded(error, problem, monkeypatch):
    def refuse(name):
        raise error

    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setattr(loading.importlib, "import_module", refuse)
    with pytest.raises(CannotRunHere, match=problem):
        load("environment")
