"""The published 48M checkpoint's exact layout at its full size: converted within three times the file's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from official_files import LOGGED, save, shapes, td_mpc2, values

PROGRAM = """
import sys, resource, torch
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from official_files import LOGGED, shapes
from rephase.engine.official import convert_checkpoint, read_part
from rephase.engine.official import layouts

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

before = peak()
of = shapes(**LOGGED)
done = convert_checkpoint(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), of)
read_part(done.path, done.digest, shapes=of)
print(done.parameters, peak() - before)
"""


@pytest.mark.slow
def test_the_48m_checkpoint_converts_within_three_times_its_size(tmp_path: Path) -> None:
    source, target = tmp_path / "mt30_48M.pt", tmp_path / "mt30_48M.safetensors"
    digest = save(source, td_mpc2(values(shapes(**LOGGED)), LOGGED))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), digest, str(target), str(Path(__file__).parent)],
        check=True,
        capture_output=True,
        text=True,
    )
    parameters, grown = map(int, done.stdout.split())
    assert parameters == 18_983_909
    assert grown < 3 * source.stat().st_size
    assert target.stat().st_size < 77_000_000
