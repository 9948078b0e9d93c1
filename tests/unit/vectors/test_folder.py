"""A folder holds files of one kind, and each kind asks for the package it needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rephase.errors import CannotRunHere, UsageError
from rephase.vectors import folder as module
from rephase.vectors.folder import check_folder


def test_no_folder_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"holds no \.npz files"):
        check_folder(tmp_path)


def test_two_kinds_in_one_folder_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "task.npz", state_qpos=np.ones(1))
    np.savez(tmp_path / "algorithm.npz", x=np.ones(1))
    with pytest.raises(UsageError, match=r"tasks such as task\.npz beside other files such as algorithm\.npz"):
        check_folder(tmp_path)


@pytest.mark.parametrize(("member", "package"), [("state_qpos", "dm_control"), ("x", "torch")])
def test_what_a_kind_needs_is_said_where_it_is_not_installed(
    member: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    np.savez(tmp_path / "file.npz", **{member: np.ones(1)})
    with pytest.raises(CannotRunHere, match=f"needs the package {package}"):
        check_folder(tmp_path)


def test_a_damaged_file_is_left_to_the_reader_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "file.npz").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="cannot be read as a NumPy archive"):
        check_folder(tmp_path)
