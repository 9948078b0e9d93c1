"""Film a policy in its task: frames drawn without a screen, written as GIF or MP4.

One episode is drawn, from the first camera of the task's model, at every agent step. Drawing needs EGL (a graphics
driver) or OSMesa (pure software); which of them is found out here and nothing of it is loaded before.
"""

from __future__ import annotations

import copy
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from rephase.environments.environment import TaskEnvironment
from rephase.environments.tasks import EPISODE_STEPS, Task
from rephase.errors import CannotRunHere, UsageError

__all__ = ["FORMATS", "check_ending", "film", "write_film"]

FORMATS = (".gif", ".mp4")
"""File endings `write_film` knows."""

_BACKENDS = ("egl", "osmesa")
"""Ways to draw without a screen, in the order they are tried; ``MUJOCO_GL`` can name one of them."""

Frame = NDArray[np.uint8]


def film(
    task: Task,
    act: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    seed: int = 0,
    steps: int = 150,
    width: int = 320,
    height: int = 240,
) -> tuple[list[Frame], float]:
    """Play the beginning of an episode and draw it.

    Args:
        task: Which task.
        act: Maps an observation (1, 24) to an action (1, 6).
        seed: Seed of the episode.
        steps: Agent steps to play, at most 500.
        width: Width of a frame, pixels.
        height: Height of a frame, pixels.

    Returns:
        The frames, (height, width, 3) each, one for the start and one after each step; and the return so far.

    Raises:
        UsageError: When the number of steps is not in 1 to 500, or a size is not positive.
        CannotRunHere: When neither EGL nor OSMesa works here.
    """
    if not 1 <= steps <= EPISODE_STEPS:
        raise UsageError(f"{steps} steps; expected 1 to {EPISODE_STEPS}", where=task.name)
    if width < 1 or height < 1:
        raise UsageError(f"frames of {width} x {height} pixels; expected at least 1 x 1", where=task.name)
    environment = TaskEnvironment(task, 1, threads=1)
    observation, collected = environment.reset((seed,)), 0.0
    model = copy.copy(environment.physics.model)
    environment.domain.dress(model, 0)
    with _drawing(model, width, height) as draw:
        frames = [draw(environment)]
        for _ in range(steps):
            observation, reward, _ = environment.step(act(observation))
            collected += float(reward[0])
            frames.append(draw(environment))
    environment.close()
    return frames, collected


def check_ending(path: Path) -> None:
    """Refuse a file that `write_film` could not write, before anything is played for it.

    Raises:
        UsageError: When it ends in neither ``.gif`` nor ``.mp4``.
    """
    if path.suffix not in FORMATS:
        raise UsageError(f"ends in {path.suffix!r}; expected {' or '.join(FORMATS)}", where=str(path))


def write_film(path: Path, frames: Sequence[Frame], seconds: float) -> None:
    """Write frames as a film that repeats.

    Args:
        path: Where to; its ending, ``.gif`` or ``.mp4``, says how.
        frames: The frames, (height, width, 3) each.
        seconds: How long a frame is shown.

    Raises:
        UsageError: When the ending is another.
        CannotRunHere: When the package that writes the format is not installed.
    """
    check_ending(path)
    try:
        if path.suffix == ".gif":
            _write_gif(path, frames, seconds)
        else:
            _write_mp4(path, frames, seconds)
    except ModuleNotFoundError as error:
        raise CannotRunHere(
            f"writing {path.suffix} needs {error.name}, which is not installed",
            where=str(path),
            remedy="pip install 'rephase[render]'",
        ) from error


def _write_gif(path: Path, frames: Sequence[Frame], seconds: float) -> None:
    from PIL import Image

    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000 * seconds), loop=0)


def _write_mp4(path: Path, frames: Sequence[Frame], seconds: float) -> None:
    import imageio_ffmpeg

    height, width, _ = frames[0].shape
    # The codec wants even sizes; anything odd is scaled by less than a pixel.
    writer = imageio_ffmpeg.write_frames(str(path), (width, height), fps=1 / seconds, macro_block_size=2)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


@contextmanager
def _drawing(model: Any, width: int, height: int) -> Iterator[Callable[[TaskEnvironment], Frame]]:
    """Give a function that draws the first episode of an environment; everything is freed at the end."""
    surface = _open_surface(width, height)
    try:
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        context = mujoco.MjrContext(model, int(mujoco.mjtFontScale.mjFONTSCALE_100))
        mujoco.mjr_setBuffer(int(mujoco.mjtFramebuffer.mjFB_OFFSCREEN), context)
        scene, options, rectangle = (
            mujoco.MjvScene(model, 1000),
            mujoco.MjvOption(),
            mujoco.MjrRect(0, 0, width, height),
        )
        camera, data = mujoco.MjvCamera(), mujoco.MjData(model)
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0

        def draw(environment: TaskEnvironment) -> Frame:
            data.qpos, data.qvel = environment.physics.view("qpos")[0], environment.physics.view("qvel")[0]
            mujoco.mj_forward(model, data)
            mujoco.mjv_updateScene(model, data, options, None, camera, int(mujoco.mjtCatBit.mjCAT_ALL), scene)
            mujoco.mjr_render(rectangle, scene, context)
            frame = np.empty((height, width, 3), dtype=np.uint8)
            mujoco.mjr_readPixels(frame, None, rectangle, context)
            return frame[::-1]

        yield draw
        context.free()
    finally:
        surface.free()


def _open_surface(width: int, height: int) -> Any:
    """Return a current OpenGL context of the first backend that works."""
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    reasons = []
    for backend in (wanted,) if wanted in _BACKENDS else _BACKENDS:
        fault = _fault_of(backend)
        if not fault:
            surface = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
            surface.make_current()
            return surface
        reasons.append(f"{backend}: {fault}")
    raise CannotRunHere(
        f"nothing here can draw without a screen ({'; '.join(reasons)})",
        remedy="install a graphics driver with EGL, or OSMesa (Debian: libegl1 libgl1-mesa-dri, or libosmesa6)",
    )


def _fault_of(backend: str) -> str:
    """Return why a backend does not work here, empty when it does.

    Tried in a process of its own: a backend makes the process that loads it its own for good, working or not.
    """
    attempt = (
        f"from mujoco.{backend} import GLContext; context = GLContext(8, 8); context.make_current(); context.free()"
    )
    done = subprocess.run(
        [sys.executable, "-c", attempt],
        env={**os.environ, "MUJOCO_GL": "disable"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"ended with code {done.returncode}")
