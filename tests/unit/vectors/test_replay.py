"""What the replay does with files that are damaged, foreign, incomplete or hold something unknown."""

from __future__ import annotations

import making
import numpy as np
import pytest
import torch

from rephase.errors import CannotRunHere, UsageError
from rephase.plugins.registry import discover
from rephase.vectors import check_folder
from rephase.vectors.replay import replay_file, replay_folder


@pytest.fixture(scope="module")
def registry():
    return discover()


@pytest.fixture
def made(tmp_path):
    """A good file, and a way to change its arrays."""
    path = tmp_path / "made.npz"
    making.make_world_model(path, 0, wm="flow")

    def change(drop=(), **arrays):
        with np.load(path) as archive:
            kept = {key: archive[key] for key in archive.files if key not in drop}
        np.savez(path, **kept | {key.replace("__", "/"): value for key, value in arrays.items()})
        return path

    return change


def failed(path, registry, dtype=torch.float64):
    return [check.quantity for check in replay_file(path, registry, dtype) if not check.ok]


def test_a_quantity_nobody_computes_is_a_failed_check(made, registry):
    checks = replay_file(made(out64__next_backwards=np.zeros(3)), registry, torch.float64)
    (check,) = [check for check in checks if not check.ok]
    assert (check.quantity, check.max_abs, check.max_rel) == ("next_backwards", float("inf"), float("inf"))


def test_an_integrator_nobody_offers_is_a_failed_check(made, registry):
    assert failed(made(out64__next_verlet_2=np.zeros((4, 12))), registry) == ["next_verlet_2"]


def test_a_quantity_of_another_shape_is_a_failed_check(made, registry):
    assert failed(made(out64__encode=np.zeros((4, 13))), registry) == ["encode"]


def test_a_quantity_that_is_text_is_a_failed_check(made, registry):
    assert failed(made(out64__encode=np.array("no number")), registry) == ["encode"]


def test_a_quantity_that_is_not_finite_is_a_failed_check(made, registry):
    with np.load(made()) as archive:
        encode = archive["out64/encode"].copy()
    encode[0, 0] = np.nan
    assert failed(made(out64__encode=encode), registry) == ["encode"]


def test_one_wrong_entry_is_a_failed_check(made, registry):
    with np.load(made()) as archive:
        encode = archive["out64/encode"].copy()
    encode[-1, -1] += 1e-7
    assert failed(made(out64__encode=encode), registry) == ["encode"]


def test_extra_inputs_and_settings_are_of_no_interest(made, registry):
    assert failed(made(in__more=np.zeros(2), cfg__note=np.array("made by hand")), registry) == []


def test_settings_may_be_stored_as_whole_numbers_or_lone_sizes(made, registry):
    path = made(cfg__vmin=np.array(-3), cfg__encoder_units=np.array(11))
    assert failed(path, registry) == []


def test_float32_results_are_held_to_their_own_tolerance(made, registry):
    checks = replay_file(made(), registry, torch.float32)
    assert {check.tolerance for check in checks} == {2e-4}
    assert all(check.ok for check in checks)


def test_a_missing_input_is_named(made, registry):
    with pytest.raises(UsageError) as caught:
        replay_file(made(drop=("in/z",)), registry, torch.float64)
    assert str(caught.value) == "made.npz: holds no 'in/z', which its quantities need"


def test_a_missing_setting_is_named(made, registry):
    with pytest.raises(UsageError) as caught:
        replay_file(made(drop=("cfg/simnorm_dim",)), registry, torch.float64)
    assert str(caught.value) == "made.npz: holds no 'cfg/simnorm_dim', which its quantities need"


def test_parameters_no_part_has_are_named(made, registry):
    with pytest.raises(UsageError) as caught:
        replay_file(made(params__wm___value=np.zeros(2, np.float32)), registry, torch.float64)
    assert str(caught.value) == "made.npz: holds parameters the world-model 'flow' does not have: ['_value']"


@pytest.mark.parametrize(
    "change",
    [{"in__z": np.zeros((4, 7), np.float32)}, {"cfg__units": np.array([10, 8])}, {"in__task": np.full(4, 99)}],
    ids=["input", "setting", "index"],
)
def test_arrays_that_contradict_each_other_are_one_error(change, made, registry):
    with pytest.raises(UsageError, match=r"made\.npz: holds arrays or settings that do not fit together \(.+\); fetch"):
        replay_file(made(**change), registry, torch.float64)


def test_a_file_without_results_of_the_type_says_so(made, registry):
    with np.load(made()) as archive:
        drop = [key for key in archive.files if key.startswith("out64/")]
    path = made(drop=drop)
    assert failed(path, registry, torch.float32) == []
    with pytest.raises(UsageError) as caught:
        replay_file(path, registry, torch.float64)
    assert str(caught.value) == (
        f"{path}: holds no results under 'out64/'; name a folder of reference files, or another --dtype"
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_one_error(share, made, registry):
    path = made()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UsageError, match=r"cannot be read as a NumPy archive \(.+\); fetch the file again"):
        replay_file(path, registry, torch.float64)


def test_a_damaged_member_is_one_error(made, registry):
    path = made()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(UsageError, match="cannot be read as a NumPy archive"):
        replay_file(path, registry, torch.float64)


def test_pickles_are_refused(tmp_path, registry):
    path = tmp_path / "pickled.npz"
    np.savez(path, **{"out/x": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(UsageError, match="cannot be read as a NumPy archive"):
        replay_file(path, registry, torch.float32)


def test_a_single_array_is_no_archive(tmp_path, registry):
    path = tmp_path / "array.npz"
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(UsageError) as caught:
        replay_file(path, registry, torch.float32)
    assert str(caught.value) == (
        f"{path}: cannot be read as a NumPy archive (it holds a single array); fetch the file again"
    )


def test_a_foreign_archive_is_refused(tmp_path, registry):
    path = tmp_path / "foreign.npz"
    np.savez(path, **{"out/x": np.zeros(3)})
    with pytest.raises(UsageError) as caught:
        replay_file(path, registry, torch.float32)
    assert str(caught.value) == (
        "foreign.npz: is no kind of reference file this version knows; keep other files elsewhere"
    )


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        check_folder(tmp_path)
    assert str(caught.value) == f"{tmp_path}: holds no .npz files; name a folder of reference files"


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        check_folder(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: no such folder; name a folder of reference files"


def test_two_kinds_in_one_folder_are_refused(made):
    path = made()
    np.savez(path.with_name("walker-run.npz"), state_qpos=np.zeros(3))
    with pytest.raises(UsageError) as caught:
        check_folder(path.parent)
    assert str(caught.value) == (
        f"{path.parent}: holds golden files of tasks such as walker-run.npz beside other files such as made.npz; "
        "keep the two kinds in folders of their own"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_a_device_that_is_not_here_is_named(made, registry):
    with pytest.raises(CannotRunHere) as caught:
        replay_folder(made().parent, registry, torch.float32, "cuda")
    assert str(caught.value) == "no cuda device is here; leave --device out to compute on the CPU"
