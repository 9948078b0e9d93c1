"""Peak memory of importing and drawing does not grow with the chunk; benchmarks/dataset_import.py shows it at 4 GB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys, torch
from pathlib import Path
from rephase.engine.store import EpisodeStore, chunks, import_chunks, reading
from rephase.engine.unpickling import verified
from rephase.manifest.hashing import file_digest
from rephase.protocols import Spaces

chunks._SPAN_BYTES = 4 << 20
reading._KEPT_DRAWS = 64
folder = Path(sys.argv[1])
spaces = Spaces(observation=24, action=6, action_sizes=(6,) * 30)

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024

for name in ("small", "large"):
    path = folder / f"{name}.pt"
    import_chunks([verified(path, file_digest(path))], folder / name, spaces, 501)
    store = EpisodeStore(folder / name)
    for seed in range(20):
        store.draw(64, 16, torch.Generator().manual_seed(seed))
    print(peak())
"""

WRITER = """
import sys, torch
for name, episodes in (("small", 100), ("large", 3200)):
    label = torch.arange(episodes, dtype=torch.int32) % 30
    torch.save({"obs": torch.zeros(episodes, 501, 24), "action": torch.zeros(episodes, 501, 6),
                "reward": torch.zeros(episodes, 501), "task": label[:, None].expand(-1, 501).contiguous()},
               f"{sys.argv[1]}/{name}.pt")
"""


@pytest.mark.slow
def test_a_chunk_32_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=True)
    grown = ((tmp_path / "large.pt").stat().st_size - (tmp_path / "small.pt").stat().st_size) >> 20
    assert grown > 180
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, capture_output=True, text=True)
    small, large = map(int, done.stdout.split())
    assert large - small < 48, f"{large - small} MiB more for {grown} MiB more data"
