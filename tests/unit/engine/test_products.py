"""Products of matrices are the same whoever multiplies, and portable ones are those of the code they ask for."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from rephase.engine.products import affine, by, multiply, settled

PORTABLE = {"MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}
HAS_OPENBLAS = "openblas" in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.skipif(not HAS_OPENBLAS, reason="this numpy has another BLAS")
def test_only_a_process_told_everything_multiplies_by_numpy():
    assert settled(PORTABLE) == "numpy"
    for name in PORTABLE:
        assert settled({**PORTABLE, name: "2"}) == "torch"
        assert settled({other: value for other, value in PORTABLE.items() if other != name}) == "torch"


@pytest.mark.parametrize("multiplier", ["numpy", "torch"])
def test_products_of_any_layout(multiplier):
    left, right, bias = draw(3, 5, 7), draw(3, 4, 7, seed=1), draw(3, 4, seed=2)
    wanted = torch.einsum("gnk,gmk->gnm", left, right)
    kept = torch.zeros(3, 2, 5, 4, dtype=torch.float64)
    with by(multiplier):
        torch.testing.assert_close(multiply(left, right.mT), wanted)
        torch.testing.assert_close(multiply(right, left.mT), wanted.mT)
        torch.testing.assert_close(affine(left, right, bias), wanted + bias.unsqueeze(1))
        torch.testing.assert_close(affine(left[:1], right[:1], bias[:1].unsqueeze(1)), (wanted + bias.unsqueeze(1))[:1])
        multiply(left, right.mT, out=kept[:, 1])
    torch.testing.assert_close(kept[:, 1], wanted)
    assert not kept[:, 0].any()


def test_numpy_is_left_out_where_it_cannot_multiply():
    with by("numpy"):
        assert multiply(draw(1, 2, 3).bfloat16(), draw(1, 3, 2).bfloat16()).dtype is torch.bfloat16
        assert multiply(draw(1, 2, 3).to("meta"), draw(1, 3, 2).to("meta")).device.type == "meta"
        with torch.autocast("cpu", torch.bfloat16):
            found = multiply(draw(1, 2, 3, dtype=torch.float32), draw(1, 3, 2, dtype=torch.float32))
    assert found.dtype is torch.bfloat16


def test_who_multiplies_is_put_back():
    before = settled(os.environ)
    with pytest.raises(ZeroDivisionError), by("numpy"):
        raise ZeroDivisionError
    left, right = draw(1, 9, 300, dtype=torch.float32), draw(1, 300, 7, dtype=torch.float32)
    found = multiply(left, right)
    with by(before):
        assert torch.equal(multiply(left, right), found)


_DIGEST = """
import hashlib
import numpy as np
draw = np.random.default_rng(0).standard_normal
told = hashlib.sha256()
for kind in (np.float32, np.float64):
    for m, k, n in ((80, 256, 128), (16, 16, 16), (5, 278, 3), (33, 700, 47)):
        left, right = draw((m, k)).astype(kind), draw((k, n)).astype(kind)
        rows = left @ right
        # OpenBLAS has shortcuts for products of row-major factors on processors with AVX-512.
        assert (rows == left @ np.asfortranarray(right)).all()
        assert (rows == np.asfortranarray(left) @ right).all()
        told.update(rows.tobytes())
print(told.hexdigest())
"""


@pytest.mark.skipif(not HAS_OPENBLAS, reason="this numpy has another BLAS")
def test_openblas_computes_as_the_processor_it_is_told():
    def digest(core):
        told = {**os.environ, "OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-c", _DIGEST], env=told, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    # Haswell is Intel's name and Zen AMD's for the same code; Sandybridge is older and has no fused multiply-add.
    assert digest("Haswell") == digest("Zen") != digest("Sandybridge")
