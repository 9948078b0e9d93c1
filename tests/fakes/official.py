"""Files of the official checkpoint's and dataset's exact layout, made up: what nobody can download in a test.

``python -m fakes.official FOLDER`` copies the project's phases there with such files in place and pinned, and with
small networks and batches, so that the logged scale's whole path can be walked on any machine. With ``--whole`` the
networks and batches stay the log's.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

__all__ = ["BYTES", "make_official_project", "write_checkpoint", "write_chunk"]

BYTES = 442_993_022
"""Size of the published file, which a checkpoint of the log's sizes has exactly."""

_ROOT = Path(__file__).parents[2]
_TASKS, _QS, _BINS, _ACTION, _OBSERVATION, _SIMNORM = 30, 5, 101, 6, 24, 8
_CHUNKS = 4
_LONGEST_COMMENT = 2**16
_ROWS = 501

_SMALL_PHASE = {r"batch_size = 512": "batch_size = 8", r"horizon = 16": "horizon = 3"}
_SMALL_CONFIG = {
    r"latent_size = 768": "latent_size = 16",
    r"encoder_units = \[.*\]": "encoder_units = [32]",
    r"(\nunits = )\[17\d\d, 17\d\d\]": r"\g<1>[32, 32]",
    r"task_size = 64": "task_size = 8",
    r"\nunits = \[400, 200, 100\]": "\nunits = [16]",
}


def write_checkpoint(
    path: Path,
    *,
    latent: int = 768,
    width: int = 1792,
    encoder: int = 3,
    task: int = 64,
    more: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint as TD-MPC2's trainer does: the whole agent, its optimisers and small keys, tagged ``cuda:0``.

    Args:
        path: Where it goes; the archive inside is always called ``4900000``.
        latent: Width of a latent.
        width: Width of every hidden layer.
        encoder: Hidden layers of the encoder.
        task: Width of the task embedding.
        more: Further keys.
    """
    generator = torch.Generator().manual_seed(0)
    joint = latent + task + _ACTION
    shapes: dict[str, tuple[int, ...]] = {"_task_emb.weight": (_TASKS, task)}
    shapes |= _mlp("_encoder.state", [_OBSERVATION + task, *[width] * encoder, latent], normed_end=True)
    shapes |= _mlp("_dynamics", [joint, width, width, latent], normed_end=True)
    shapes |= _mlp("_reward", [joint, width, width, _BINS])
    model = {name: torch.randn(shape, generator=generator) * 0.02 for name, shape in shapes.items()}
    for name in model:
        if name.endswith(".ln.weight"):
            model[name].fill_(1.0)
    prior = _mlp("_pi", [latent + task, width, width, 2 * _ACTION])
    critic = [(_QS, *shape) for shape in _mlp("", [joint, width, width, _BINS]).values()]
    dropped = dict(prior)
    for kind in ("_Qs", "_target_Qs"):
        dropped |= {f"{kind}.params.{at}": shape for at, shape in enumerate(critic)}
    state = {
        at: {"step": torch.tensor(4.9e6), "exp_avg": torch.zeros(shape), "exp_avg_sq": torch.zeros(shape)}
        for at, shape in enumerate(shapes.values())
    }
    sizes = [len([name for name in shapes if name.startswith(part)]) for part in ("_enc", "_dyn", "_rew")]
    agent = OrderedDict(model | {name: torch.zeros(shape) for name, shape in dropped.items()})
    agent._metadata = _versions([*shapes, *prior])  # type: ignore[attr-defined]
    content = {
        "model": agent,
        "optim": {"state": state, "param_groups": _groups([*sizes, len(critic), 1])},
        "pi_optim": {"state": {}, "param_groups": _groups([len(prior)])},
        "step": 4_900_000,
        "score": 0.5,
        **(more or {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    named = path.with_name("4900000.pt")
    with _as_if_on_a_gpu():
        torch.save(content, named)
    # Small keys that nobody knows make up the rest of the published size.
    rest = BYTES - named.stat().st_size
    if 0 < rest < _LONGEST_COMMENT:
        with named.open("r+b") as file:
            file.seek(-2, 2)  # where the archive says how long the comment after it is
            file.write(rest.to_bytes(2, "little") + b"." * rest)
    named.replace(path)


def write_chunk(path: Path, episodes: dict[int, int], seed: int = 0) -> None:
    """Write a chunk of the dataset: whole episodes of 501 rows, row 0 without a meaning.

    Args:
        path: Where it goes.
        episodes: Number of episodes by task index.
        seed: Seed of the values.
    """
    generator = torch.Generator().manual_seed(seed)
    tasks = torch.tensor([task for task, count in episodes.items() for _ in range(count)], dtype=torch.int32)
    count = len(tasks)
    action = torch.rand(count, _ROWS, _ACTION, generator=generator) * 2 - 1
    reward = torch.rand(count, _ROWS, generator=generator)
    action[:, 0], reward[:, 0] = torch.nan, torch.nan
    content = {
        "action": action,
        "obs": torch.randn(count, _ROWS, _OBSERVATION, generator=generator) * 0.5,
        "reward": reward,
        "task": tasks[:, None].expand(count, _ROWS).contiguous(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


def make_official_project(folder: Path, *, episodes: int = 1, whole: bool = False) -> Path:
    """A project whose logged phases have small networks and batches, and are pinned to files made up in its ``inputs``.

    Args:
        folder: Where it goes.
        episodes: Episodes of each of the log's tasks in each chunk.
        whole: Keep the log's networks and batches.

    Returns:
        The folder.
    """
    from rephase.manifest.hashing import file_digest

    shutil.copytree(_ROOT / "reproductions", folder / "reproductions", dirs_exist_ok=True)
    files = {"mt30_48M_4900000.pt": folder / "inputs" / "mt30_48M_4900000.pt"}
    sizes = {} if whole else {"latent": 16, "width": 32, "encoder": 1, "task": 8}
    write_checkpoint(files["mt30_48M_4900000.pt"], **sizes)
    for number in range(_CHUNKS):
        name = f"mt30/chunk_{number}.pt"
        files[name] = folder / "inputs" / name
        write_chunk(files[name], {4: episodes, 0: episodes, 3: episodes}, seed=number)
    pins = {
        name: f'sha256 = "{file_digest(file)}"\nsize = {file.stat().st_size}\npinned_from = "made up here"'
        for name, file in files.items()
    }
    for manifest in (folder / "reproductions").glob("phase*/logged.toml"):
        named = [name for name in pins if name in manifest.read_text(encoding="utf-8")]  # no model in Phases 4 and 5
        lines = {rf'(/{name}"\n)sha256 = .*\nsize = .*\npinned_from = .*': rf"\g<1>{pins[name]}" for name in named}
        _edit(manifest, lines if whole else {**_SMALL_PHASE, **lines})
    for config in () if whole else (folder / "reproductions/configs").glob("pwm_48M_*.toml"):
        _edit(config, _SMALL_CONFIG)
    return folder


def _edit(file: Path, edits: dict[str, str]) -> None:
    """Replace what the expressions find, each of which must find something."""
    text = file.read_text(encoding="utf-8")
    for pattern, new in edits.items():
        text, found = re.subn(pattern, new, text)
        if not found:
            raise ValueError(f"{file}: nothing to replace for {pattern}")
    file.write_text(text, encoding="utf-8")


def _mlp(name: str, widths: list[int], *, normed_end: bool = False) -> dict[str, tuple[int, ...]]:
    """Shapes of TD-MPC2's networks: normalised layers, and a last one that is plain unless told otherwise."""
    shapes: dict[str, tuple[int, ...]] = {}
    layers = list(pairwise(widths))
    for at, (inputs, outputs) in enumerate(layers):
        shapes[f"{name}.{at}.weight"], shapes[f"{name}.{at}.bias"] = (outputs, inputs), (outputs,)
        if at < len(layers) - 1 or normed_end:
            shapes[f"{name}.{at}.ln.weight"] = shapes[f"{name}.{at}.ln.bias"] = (outputs,)
    return shapes


def _versions(names: list[str]) -> dict[str, dict[str, int]]:
    """What a module's state carries beside its tensors: the version of every module in it."""
    modules: dict[str, None] = {"": None}
    for name in names:
        parts = name.split(".")[:-1]
        modules |= {".".join(parts[:depth]): None for depth in range(1, len(parts) + 1)}
        if parts[-1] == "ln":
            modules[".".join([*parts[:-1], "act"])] = None
    modules |= {f"{kind}{end}": None for kind in ("_Qs", "_target_Qs") for end in ("", ".params")}
    return OrderedDict({name: {"version": 1} for name in modules})


def _groups(sizes: list[int]) -> list[dict[str, Any]]:
    first, groups = 0, []
    for size in sizes:
        settings = {"lr": 3e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}
        flags = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": None}
        groups.append({**settings, **flags, "params": list(range(first, first + size))})
        first += size
    return groups


@contextmanager
def _as_if_on_a_gpu() -> Iterator[None]:
    """Tag storages as a process with a GPU does, which a reader without one must cope with."""
    kept = torch.serialization.location_tag
    torch.serialization.location_tag = lambda storage: "cuda:0"  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.serialization.location_tag = kept


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.official", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the project goes")
    parser.add_argument("--whole", action="store_true", help="keep the log's networks and batches")
    words = parser.parse_args()
    project = make_official_project(words.folder, whole=words.whole)
    size = "a checkpoint of the published size" if words.whole else "a small checkpoint"
    sys.stdout.write(f"{project}: {size} and {_CHUNKS} chunks, pinned by the logged phases\n")


if __name__ == "__main__":
    _main()
