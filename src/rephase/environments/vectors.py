"""Check the tasks against golden files: same starts, observations, rewards and states as the original code's.

The format is described beside the shipped files, in ``tests/data/environments/FORMAT.md``. Lengths, probes and the
seed are read from the files. Every array of a file is either an input or checked; none is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rephase.environments.replaying import INPUTS, STATES, Recomputed, facts, replay
from rephase.environments.suite import required_task
from rephase.environments.tasks import Task
from rephase.errors import InputMismatch
from rephase.manifest.vectors import Check

__all__ = ["META", "check_file", "check_folder"]

META = "meta.json"
"""The file that gives a folder's seed and facts about each task's model."""


def check_folder(folder: Path) -> list[Check]:
    """Check every ``<task>.npz`` of a folder.

    Args:
        folder: Where the files and their ``meta.json`` are.

    Returns:
        One check for each quantity, files in the order of the task indices.

    Raises:
        InputMismatch: When ``meta.json`` is missing, there are no files, or one cannot be read or lacks an input.
        UnknownName: When a file is not named after a task.
        CannotRunHere: When dm_control is not installed.
    """
    meta = _read_meta(folder / META)
    paths = sorted(folder.glob("*.npz"), key=lambda path: required_task(path.stem).index)
    if not paths:
        raise InputMismatch("holds no .npz files", where=str(folder), remedy="name a folder of golden files")
    return [check for path in paths for check in check_file(path, meta)]


def check_file(path: Path, meta: Mapping[str, Any]) -> list[Check]:
    """Check one task's file.

    Args:
        path: The file, named after its task.
        meta: What ``meta.json`` says: ``seed``, and ``tasks`` with facts about each.

    Returns:
        One check for each quantity of the file and one for the facts.
    """
    task = required_task(path.stem)
    arrays = _read_arrays(path)
    stated = next((facts for facts in meta["tasks"] if facts.get("task") == task.name), None)
    if stated is None:
        raise InputMismatch(f"says nothing of {task.name}", where=str(path.with_name(META)))
    found = replay(task, arrays, int(stated.get("seed", meta["seed"])))
    checks = [_compare(path.name, one, arrays[one.key]) for one in found]
    missed = sorted(set(arrays) - set(INPUTS) - {one.key for one in found})
    checks += [
        Check(file=path.name, quantity=key, max_abs=float("inf"), max_rel=float("inf"), tolerance=0.0, ok=False)
        for key in missed
    ]
    return [*checks, _compare_facts(task, stated)]


def _compare(file: str, found: Recomputed, stored: NDArray[Any]) -> Check:
    expected = stored[found.rows].astype(np.float64)
    computed = found.values.astype(np.float64)
    if computed.shape != expected.shape:
        return Check(
            file=file,
            quantity=found.quantity,
            max_abs=float("inf"),
            max_rel=float("inf"),
            tolerance=found.tolerance,
            ok=False,
        )
    max_abs = float(np.abs(computed - expected).max(initial=0.0))
    largest = float(np.abs(expected).max(initial=0.0))
    max_rel = max_abs / largest if largest > 0 else max_abs
    held = max_rel if found.relative else max_abs
    return Check(
        file=file,
        quantity=found.quantity,
        max_abs=max_abs,
        max_rel=max_rel,
        tolerance=found.tolerance,
        ok=bool(held <= found.tolerance),
    )


def _compare_facts(task: Task, stated: Mapping[str, Any]) -> Check:
    """Compare what ``meta.json`` says of a task with the model we compile: the differences are counted."""
    own = facts(task)
    wrong = sum(stated[key] != value for key, value in own.items() if key in stated)
    return Check(
        file=META, quantity=task.name, max_abs=float(wrong), max_rel=float(wrong), tolerance=0.0, ok=wrong == 0
    )


def _read_meta(path: Path) -> Mapping[str, Any]:
    try:
        meta = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputMismatch("is missing; the seed and the tasks are read from it", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise InputMismatch(f"is not JSON ({error})", where=str(path)) from error
    if not isinstance(meta, dict) or not isinstance(meta.get("tasks"), list) or not isinstance(meta.get("seed"), int):
        raise InputMismatch("lacks 'seed' or 'tasks'", where=str(path))
    return meta


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # Opened here: numpy leaves a file open that turns out not to be a whole archive.
        with path.open("rb") as stream, np.load(stream) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (BadZipFile, EOFError, OSError, ValueError) as error:
        raise InputMismatch(f"cannot be read ({error})", where=str(path), remedy="fetch the file again") from error
    missing = sorted({*INPUTS, *STATES} - {"probe_target"} - set(arrays))
    if missing:
        raise InputMismatch(f"lacks {', '.join(missing)}", where=str(path))
    return arrays
