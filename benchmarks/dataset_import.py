"""Peak memory and speed of importing a chunk of the official dataset, and of drawing from the store.

Writes a chunk of the official layout (a pickled TensorDict of old, 67,000 episodes of 501 rows, 4.3 GB) into FOLDER,
imports it in a process of its own, draws training batches from the store in another, and deletes both. FOLDER needs
9 GB. Prints the result as JSON and writes it to benchmarks/results/dataset-import.json.

    python benchmarks/dataset_import.py FOLDER [--episodes 67000] [--draws 2000]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "dataset-import.json"
ROWS, TASKS = 501, 30


def write_chunk(path: Path, episodes: int) -> None:
    """Write a chunk as tensordict <= 0.2 did: an object of that class, with its tensors in its state."""
    import sys
    from types import ModuleType

    import torch

    class TensorDict:
        pass

    module = ModuleType("tensordict.tensordict")
    module.TensorDict = TensorDict  # type: ignore[attr-defined]
    TensorDict.__module__, TensorDict.__qualname__ = module.__name__, "TensorDict"
    sys.modules["tensordict"], sys.modules[module.__name__] = ModuleType("tensordict"), module
    task = (torch.arange(episodes, dtype=torch.int32) * 7919) % TASKS
    table = TensorDict()
    table._tensordict = {  # type: ignore[attr-defined]
        "obs": torch.randn(episodes, ROWS, 24),
        "action": torch.rand(episodes, ROWS, 6) * 2 - 1,
        "reward": torch.rand(episodes, ROWS),
        "task": task[:, None].expand(-1, ROWS).contiguous(),
    }
    table._tensordict["action"][:, 0] = torch.nan  # type: ignore[attr-defined]
    table._tensordict["reward"][:, 0] = torch.nan  # type: ignore[attr-defined]
    table._batch_size = torch.Size([episodes, ROWS])  # type: ignore[attr-defined]
    torch.save(table, path)


def measure_import(path: Path, folder: Path) -> dict[str, float]:
    """Import the chunk and say how long it took and how much memory at most."""
    import time

    from rephase.engine.store import import_chunks
    from rephase.engine.unpickling import verified
    from rephase.environments import SPACES
    from rephase.manifest.hashing import file_digest

    loaded = _peak()
    began = time.perf_counter()
    digest = file_digest(path)
    digested = time.perf_counter()
    import_chunks([verified(path, digest)], folder, SPACES, ROWS)
    return {
        "digest_seconds": digested - began,
        "import_seconds": time.perf_counter() - digested,
        "libraries_peak_mib": loaded,
        "peak_mib": _peak(),
    }


def measure_draws(folder: Path, draws: int) -> dict[str, float]:
    """Draw batches of the log's size, of one task and of all, and say the same."""
    import time

    import torch

    from rephase.engine.store import EpisodeStore

    generator = torch.Generator().manual_seed(0)
    store = EpisodeStore(folder)
    began = time.perf_counter()
    for _ in range(draws):
        store.slices(3, 512, 16, generator)
    one = time.perf_counter()
    for _ in range(draws):
        store.draw(512, 16, generator)
    every = time.perf_counter()
    store.starts(3, 100_000, 16, generator)
    return {
        "draw_one_task_ms": (one - began) / draws * 1e3,
        "draw_all_tasks_ms": (every - one) / draws * 1e3,
        "starts_100000_seconds": time.perf_counter() - every,
        "peak_mib": _peak(),
    }


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _apart(call: str, *arguments: object) -> dict[str, Any]:
    """Call a function of this file in a fresh process, so that its peak memory is its own."""
    quoted = ", ".join(f"Path({str(value)!r})" if isinstance(value, Path) else repr(value) for value in arguments)
    program = (
        f"import json; from pathlib import Path; import dataset_import as d; print(json.dumps(d.{call}({quoted})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout) or {}  # type: ignore[no-any-return]


def main() -> None:
    """Run all three and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--episodes", type=int, default=67_000)
    parser.add_argument("--draws", type=int, default=2_000)
    arguments = parser.parse_args()
    import torch

    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        path, store = folder / "chunk_0.pt", folder / "store"
        _apart("write_chunk", path, arguments.episodes)
        result = {
            "what": "import of one generated MT30 chunk of the official layout, then batches of 512 x 17 rows",
            "torch": torch.__version__,
            "episodes": arguments.episodes,
            "chunk_gb": path.stat().st_size / 1e9,
            "import": _apart("measure_import", path, store),
            "draws": _apart("measure_draws", store, arguments.draws),
            "store_gb": sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / 1e9,
            "limit_mib": 4096,
        }
        result["ok"] = max(result["import"]["peak_mib"], result["draws"]["peak_mib"]) < result["limit_mib"]
    finally:
        shutil.rmtree(folder)
    text = json.dumps(result, indent=2, sort_keys=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
