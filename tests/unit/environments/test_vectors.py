import json
import shutil

import mujoco
import numpy as np
import pytest

from rephase.environments import TASKS
from rephase.environments.vectors import check_file, check_folder
from rephase.errors import InputMismatch, UnknownName

pytestmark = pytest.mark.slow


def meta_of(folder):
    return json.loads((folder / "meta.json").read_text())


def altered(golden, folder, task, change):
    """Copy one task's file and the meta file to a folder, with the arrays changed."""
    shutil.copy(golden / "meta.json", folder)
    arrays = dict(np.load(golden / f"{task}.npz"))
    change(arrays)
    np.savez_compressed(folder / f"{task}.npz", **arrays)
    return folder


def failed(checks):
    return [check.quantity for check in checks if not check.ok]


@pytest.mark.parametrize("name", [task.name for task in TASKS])
def test_the_shipped_file_of_every_task_is_reproduced(name, golden):
    checks = check_file(golden / f"{name}.npz", meta_of(golden))

    assert failed(checks) == []
    assert {check.quantity.split("/")[0] for check in checks} >= {"reset", "trajectory", "steps", "probe_obs64", name}
    if mujoco.__version__ == meta_of(golden)["versions"]["mujoco"]:
        # States are held to far more than the tolerance: this is the same physics, not similar physics.
        assert max(check.max_abs for check in checks if "state_q" in check.quantity) < 1e-12


def test_rewards_that_are_only_0_or_1_are_compared_exactly(golden):
    checks = check_file(golden / "reacher-hard.npz", meta_of(golden))

    assert {check.tolerance for check in checks if "reward" in check.quantity} == {0.0}


def test_a_folder_gives_the_checks_of_its_files_in_the_order_of_the_tasks(golden, tmp_path):
    for name in ("meta.json", "pendulum-spin.npz", "acrobot-swingup.npz"):
        shutil.copy(golden / name, tmp_path)

    files = [check.file for check in check_folder(tmp_path)]

    assert list(dict.fromkeys(files)) == ["acrobot-swingup.npz", "meta.json", "pendulum-spin.npz"]


def test_a_shorter_file_with_fewer_probes_is_read_as_it_is(golden, tmp_path):
    def shorten(arrays):
        for key in arrays:
            if key.startswith("probe_"):
                arrays[key] = arrays[key][:5]
            elif key in ("action", "reward", "reward_sub", "done"):
                arrays[key] = arrays[key][:7]
            elif key in ("obs", "obs64", "sensordata") or key.startswith("state_"):
                arrays[key] = arrays[key][:8]

    altered(golden, tmp_path, "finger-turn-easy", shorten)

    assert failed(check_folder(tmp_path)) == []


def test_the_seed_is_that_of_the_meta_file(golden, tmp_path):
    altered(golden, tmp_path, "pendulum-spin", lambda arrays: None)
    meta = meta_of(tmp_path)
    meta["seed"] = 1
    (tmp_path / "meta.json").write_text(json.dumps(meta))

    assert set(failed(check_folder(tmp_path))) == {
        "reset/obs",
        "reset/obs64",
        "reset/state_qpos",
        "reset2_obs",
        "reset2_qpos",
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("reward", ["trajectory/reward", "steps/reward"]),
        ("probe_obs64", ["probe_obs64"]),
        ("reset2_target", ["reset2_target"]),
        ("state_qvel", ["trajectory/state_qvel", "steps/state_qvel"]),
        ("sensordata", ["trajectory/sensordata"]),
    ],
)
def test_a_changed_number_fails_where_it_is(golden, tmp_path, key, expected):
    def change(arrays):
        arrays[key] = arrays[key].copy()
        arrays[key].flat[-1] += 0.5

    altered(golden, tmp_path, "finger-turn-easy", change)

    assert failed(check_folder(tmp_path)) == expected


def test_a_quantity_nobody_recomputes_is_a_failure_and_not_passed_over(golden, tmp_path):
    altered(golden, tmp_path, "pendulum-spin", lambda arrays: arrays.update(energy=np.zeros(3)))

    assert failed(check_folder(tmp_path)) == ["energy"]


def test_another_shape_and_numbers_that_are_not_finite_fail(golden, tmp_path):
    def change(arrays):
        arrays["probe_obs"] = arrays["probe_obs"][:, :-1]
        arrays["probe_reward"][0] = np.nan

    altered(golden, tmp_path, "pendulum-spin", change)

    assert failed(check_folder(tmp_path)) == ["probe_obs", "probe_reward"]


def test_a_model_that_is_not_as_the_meta_file_says_fails(golden, tmp_path):
    altered(golden, tmp_path, "pendulum-spin", lambda arrays: None)
    meta = meta_of(tmp_path)
    stated = next(facts for facts in meta["tasks"] if facts["task"] == "pendulum-spin")
    stated["physics_dt"] = 0.01
    stated["body_names"] = ["world", "rod"]
    (tmp_path / "meta.json").write_text(json.dumps(meta))

    (check,) = [check for check in check_folder(tmp_path) if not check.ok]

    assert (check.file, check.quantity, check.max_abs) == ("meta.json", "pendulum-spin", 2.0)


def test_a_folder_without_meta_file_is_refused(golden, tmp_path):
    shutil.copy(golden / "pendulum-spin.npz", tmp_path)

    with pytest.raises(InputMismatch) as error:
        check_folder(tmp_path)

    assert str(error.value) == f"{tmp_path}/meta.json: is missing; the seed and the tasks are read from it"


def test_a_meta_file_without_seed_is_refused(tmp_path):
    (tmp_path / "meta.json").write_text('{"tasks": []}')

    with pytest.raises(InputMismatch, match="lacks 'seed' or 'tasks'"):
        check_folder(tmp_path)


def test_a_folder_without_files_is_refused(golden, tmp_path):
    shutil.copy(golden / "meta.json", tmp_path)

    with pytest.raises(InputMismatch) as error:
        check_folder(tmp_path)

    assert str(error.value) == f"{tmp_path}: holds no .npz files; name a folder of golden files"


def test_a_file_cut_short_is_refused(golden, tmp_path):
    shutil.copy(golden / "meta.json", tmp_path)
    (tmp_path / "fish-swim.npz").write_bytes((golden / "fish-swim.npz").read_bytes()[:5000])

    with pytest.raises(InputMismatch, match=r"fish-swim\.npz: cannot be read \(.*\); fetch the file again"):
        check_folder(tmp_path)


def test_a_file_without_its_inputs_is_refused(golden, tmp_path):
    altered(golden, tmp_path, "pendulum-spin", lambda arrays: arrays.pop("probe_qpos"))

    with pytest.raises(InputMismatch) as error:
        check_folder(tmp_path)

    assert str(error.value) == f"{tmp_path}/pendulum-spin.npz: lacks probe_qpos"


def test_a_file_not_named_after_a_task_is_refused(golden, tmp_path):
    shutil.copy(golden / "meta.json", tmp_path)
    shutil.copy(golden / "pendulum-spin.npz", tmp_path / "pendulum-spinn.npz")

    with pytest.raises(UnknownName, match="unknown task 'pendulum-spinn'"):
        check_folder(tmp_path)
