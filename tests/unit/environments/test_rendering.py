import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from rephase.environments import loading, rendering, required_task
from rephase.environments.rendering import film, write_film
from rephase.errors import CannotRunHere, UsageError

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from rephase.environments import required_task, load
from rephase.errors import CannotRunHere
task = required_task("reacher-three-easy")
try:
    rendering = load("rendering")
    frames, collected = rendering.film(
        task, lambda seen: np.full((1, 6), 0.5, np.float32), seed=3, steps=4, width=64, height=48
    )
except CannotRunHere as error:
    print(error)
    sys.exit(3)
for name in sys.argv[1:]:
    rendering.write_film(Path(name), frames, task.agent_step)
sys.exit(0 if collected >= 0 and all(frame.std() > 5 for frame in frames) else 1)
"""


@pytest.fixture
def without_graphics(monkeypatch):
    """Neither backend works; returns the list of those that were tried."""
    tried = []

    def fail(backend):
        tried.append(backend)
        return "ImportError: no driver"

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(rendering, "_fault_of", fail)
    return tried


def frames_of_noise(count=5):
    return list(np.random.default_rng(0).integers(0, 255, (count, 48, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "setting",
    [
        {"MUJOCO_GL": "egl"},
        {"MUJOCO_GL": "osmesa"},
        # A machine whose EGL has no driver behind it falls back on OSMesa.
        {"MUJOCO_GL": "", "__EGL_VENDOR_LIBRARY_FILENAMES": "/nowhere.json"},
    ],
    ids=["egl", "osmesa", "egl-broken"],
)
def test_an_episode_is_drawn_without_a_screen(setting, tmp_path):
    """In a process of its own: a process can load only one way of drawing."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "film.gif"],
        cwd=tmp_path,
        env={**os.environ, **setting},
        capture_output=True,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(f"not possible on this machine: {done.stdout.decode().strip()}")

    assert done.returncode == 0, done.stderr.decode()
    with Image.open(tmp_path / "film.gif") as drawn:
        assert (drawn.n_frames, drawn.size, drawn.info["duration"]) == (5, (64, 48), 40)


def test_a_film_is_written_as_mp4(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg")

    write_film(tmp_path / "film.mp4", frames_of_noise(), 0.05)

    assert ffmpeg.count_frames_and_secs(tmp_path / "film.mp4") == (5, pytest.approx(0.25))


def test_a_film_is_written_as_gif_with_its_speed(tmp_path):
    write_film(tmp_path / "film.gif", frames_of_noise(), 0.05)

    with Image.open(tmp_path / "film.gif") as written:
        assert (written.format, written.n_frames, written.info["duration"]) == ("GIF", 5, 50)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError) as error:
        write_film(tmp_path / "film.avi", frames_of_noise(), 0.05)

    assert str(error.value) == f"{tmp_path}/film.avi: ends in '.avi'; expected .gif or .mp4"


def test_a_missing_writer_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)

    with pytest.raises(CannotRunHere) as error:
        write_film(tmp_path / "film.mp4", frames_of_noise(), 0.05)

    assert str(error.value) == (
        f"{tmp_path}/film.mp4: writing .mp4 needs imageio_ffmpeg, which is not installed; pip install 'rephase[render]'"
    )


@pytest.mark.parametrize("steps", [0, 501])
def test_more_steps_than_an_episode_has_are_refused(steps):
    with pytest.raises(UsageError) as error:
        film(required_task("pendulum-spin"), lambda seen: np.zeros((1, 6), dtype=np.float32), steps=steps)

    assert str(error.value) == f"pendulum-spin: {steps} steps; expected 1 to 500"


def test_a_machine_that_cannot_draw_says_so_and_what_to_install(without_graphics):
    with pytest.raises(CannotRunHere) as error:
        film(required_task("pendulum-spin"), lambda seen: np.zeros((1, 6), dtype=np.float32))

    assert str(error.value) == (
        "nothing here can draw without a screen (egl: ImportError: no driver; osmesa: ImportError: no driver);"
        " install a graphics driver with EGL, or OSMesa (Debian: libegl1 libgl1-mesa-dri, or libosmesa6)"
    )


def test_only_the_backend_that_is_asked_for_is_tried(without_graphics, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "OSMesa")

    with pytest.raises(CannotRunHere, match=r"\(osmesa: ImportError: no driver\)"):
        film(required_task("pendulum-spin"), lambda seen: np.zeros((1, 6), dtype=np.float32))
    assert without_graphics == ["osmesa"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ModuleNotFoundError("No module named 'mujoco'", name="mujoco"),
            "the tasks need mujoco, which is not installed; pip install 'rephase[run]'",
        ),
        (
            AttributeError("no glGetError"),
            "mujoco does not load here with MUJOCO_GL='osmesa' (AttributeError: no glGetError);"
            " unset MUJOCO_GL, or set it to a backend that is installed or to 'disable'",
        ),
    ],
)
def test_a_simulator_that_cannot_be_loaded_is_explained(error, message, monkeypatch):
    def fail(name):
        raise error

    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr(importlib, "import_module", fail)

    with pytest.raises(CannotRunHere) as caught:
        loading.load("environment")
    assert str(caught.value) == message
