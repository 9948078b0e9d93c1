"""The published 48M checkpoint's exact layout and size: 18.98 of 110.7 million numbers are read, and little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fakes.official import BYTES, write_checkpoint
from official_files import LOGGED, shapes

from rephase.engine.official import read_world_model
from rephase.errors import CheckpointError, InputMismatch
from rephase.manifest.hashing import file_digest

PROGRAM = """
import sys, torch
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from official_files import LOGGED, shapes
from rephase.engine.official import read_world_model

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

of = shapes(**LOGGED)
before = peak()
read = read_world_model(Path(sys.argv[1]), sys.argv[2], of)
print(read.parameters, len(read.tensors), peak() - before, *read.dropped)
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "mt30_48M_4900000.pt"
    write_checkpoint(path)
    return path


@pytest.mark.slow
def test_the_published_layout_is_read_in_a_third_of_its_size(published: Path) -> None:
    assert published.stat().st_size == BYTES
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(published), file_digest(published), str(Path(__file__).parent)],
        check=True,
        capture_output=True,
        text=True,
    )
    parameters, tensors, grown, *dropped = done.stdout.split()
    assert (int(parameters), int(tensors)) == (18_983_909, 39)
    assert int(grown) < 150 << 20
    assert dropped == ["_Qs", "_pi", "_target_Qs", "optim", "pi_optim", "score", "step"]


@pytest.mark.slow
def test_a_flipped_bit_is_caught_by_the_digest_and_in_a_weight_by_the_archive_too(published: Path) -> None:
    pinned = file_digest(published)
    data = published.read_bytes()
    try:
        with published.open("r+b") as file:
            file.seek(50_000_000)
            file.write(bytes([data[50_000_000] ^ 1]))
        with pytest.raises(InputMismatch, match=f"expected {pinned}"):
            read_world_model(published, pinned, shapes(**LOGGED))
        with pytest.raises(CheckpointError, match=r"4900000/data/\d+ cannot be read \(Bad CRC-32"):
            read_world_model(published, file_digest(published), shapes(**LOGGED))
    finally:
        published.write_bytes(data)
