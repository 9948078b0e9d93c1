"""A reference file is read as its format says, and what is recomputed is held against all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rephase.errors import UsageError
from rephase.vectors.file import ReferenceFile


@pytest.fixture
def file(tmp_path: Path):
    def make(dtype: torch.dtype = torch.float64, **arrays: Any) -> ReferenceFile:
        base = {"out64/x": np.array([1.0, -2.0]), "out/x": np.array([1.0, -2.0], np.float32), "cfg/units": np.array(3)}
        np.savez(tmp_path / "made.npz", **base | {name.replace("__", "/"): value for name, value in arrays.items()})
        return ReferenceFile(tmp_path / "made.npz", dtype)

    return make


def test_numbers_sizes_and_texts_are_plain_values(file) -> None:
    made = file(cfg__rate=np.float32(0.5), cfg__name=np.array("heun"), cfg__many=np.array([2, 3]))
    assert made.number("rate") == 0.5
    assert made.setting("name") == "heun"
    assert made.sizes("units") == [3]
    assert made.sizes("many") == [2, 3]
    with pytest.raises(UsageError, match=r"made\.npz: holds no 'cfg/depth'"):
        made.setting("depth")


def test_floats_take_the_type_computed_in_and_whole_numbers_stay(file) -> None:
    made = file(torch.float32, in__z=np.ones(2), in__task=np.array([1, 2]), params__wm__w=np.ones((1, 2)))
    assert made.tensor("in/z").dtype == torch.float32
    assert made.tensor("in/task").dtype == torch.int64
    assert list(made.parameters("wm")) == ["w"]
    assert made.parameters("actor") == {}


def test_calls_are_counted_up_to_the_first_that_is_missing(file) -> None:
    made = file(in__call0__obs=np.ones(1), in__call1__obs=np.ones(1), in__call3__obs=np.ones(1))
    assert made.count("in/call{}/obs") == 2


def test_a_difference_is_measured_against_the_largest_entry(file) -> None:
    (check,) = file().compare({"x": torch.tensor([1.0, -2.2], dtype=torch.float64)})
    assert check.max_abs == pytest.approx(0.2)
    assert check.max_rel == pytest.approx(0.1)
    assert not check.ok
    (check,) = file().compare({"x": torch.tensor([1.0, -2.0 - 1e-10], dtype=torch.float64)})
    assert check.ok


def test_single_precision_has_a_tolerance_of_its_own(file) -> None:
    computed = {"x": torch.tensor([1.0, -2.0002])}
    assert file(torch.float32).compare(computed)[0].ok
    assert not file(torch.float64).compare(computed)[0].ok


@pytest.mark.parametrize(
    "found", [{}, {"x": torch.ones(3)}, {"x": torch.ones(2, 1)}, {"x": torch.full((2,), torch.nan)}]
)
def test_what_is_missing_misshapen_or_not_finite_fails(found: dict[str, torch.Tensor], file) -> None:
    (check,) = file().compare(found)
    assert not check.ok


def test_a_file_without_results_or_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", x=np.ones(1))
    with pytest.raises(UsageError, match="holds no results under 'out64/'"):
        ReferenceFile(tmp_path / "none.npz", torch.float64)
    (tmp_path / "none.npz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="cannot be read as a NumPy archive"):
        ReferenceFile(tmp_path / "none.npz", torch.float64)
