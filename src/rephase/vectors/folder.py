"""Which kind of files a folder holds, and the check of all of them.

Reference files of the algorithm want torch, golden files of the tasks want dm_control; each is imported only when
there is such a file. Nothing is written.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from rephase.errors import CannotRunHere, UsageError
from rephase.manifest.vectors import Check

__all__ = ["check_folder"]

_OF_TASKS = "state_qpos.npy"
"""Member of every golden file of a task and of no reference file."""


def check_folder(folder: Path, dtype: str = "float32", device: str = "cpu") -> tuple[Check, ...]:
    """Recompute everything the ``.npz`` files of a folder hold and compare.

    Args:
        folder: Where the files are; all of one kind, reference files of the algorithm or golden files of the tasks.
        dtype: ``float32`` or ``float64``, for reference files; tasks are always computed as the simulator does.
        device: ``cpu`` or ``cuda``, for reference files; tasks are always computed on the CPU.

    Returns:
        One check for each expected quantity, files in order.

    Raises:
        UsageError: There is no such folder, it holds no files or files of both kinds, or one is not of its format.
        InputMismatch: A golden file of a task cannot be read.
        CannotRunHere: The device or a package is not here.
    """
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder), remedy="name a folder of reference files")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise UsageError("holds no .npz files", where=str(folder), remedy="name a folder of reference files")
    of_tasks = [path.name for path in files if _is_of_tasks(path)]
    if not of_tasks:
        return _check_algorithm(folder, dtype, device)
    others = [path.name for path in files if path.name not in of_tasks]
    if others:
        raise UsageError(
            f"holds golden files of tasks such as {of_tasks[0]} beside other files such as {others[0]}",
            where=str(folder),
            remedy="keep the two kinds in folders of their own",
        )
    return _check_tasks(folder)


def _check_algorithm(folder: Path, dtype: str, device: str) -> tuple[Check, ...]:
    _need("torch")
    import torch

    from rephase.plugins.registry import discover
    from rephase.vectors.replay import replay_folder

    return replay_folder(folder, discover(), {"float32": torch.float32, "float64": torch.float64}[dtype], device)


def _check_tasks(folder: Path) -> tuple[Check, ...]:
    _need("dm_control")
    from rephase.environments import vectors

    return tuple(vectors.check_folder(folder))


def _need(package: str) -> None:
    if find_spec(package) is None:
        raise CannotRunHere(f"needs the package {package}, which is not installed", remedy="pip install 'rephase[run]'")


def _is_of_tasks(path: Path) -> bool:
    """Whether an archive holds a task's states; what cannot be read is left to the reader that explains why."""
    try:
        with ZipFile(path) as archive:
            return _OF_TASKS in archive.namelist()
    except (BadZipFile, OSError):
        return False
