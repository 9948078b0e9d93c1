"""A golden file is recomputed by every route, each with the tolerance of its format."""

import numpy as np
import pytest

from rephase.environments import required_task
from rephase.environments.replaying import INPUTS, STATES, facts, replay


@pytest.fixture(scope="module")
def arrays():
    from pathlib import Path

    folder = Path(__file__).parents[2] / "data/environments"
    with np.load(next(folder.rglob("pendulum-swingup*.npz"))) as archive:
        return {key: archive[key] for key in archive.files}


def seed_of(arrays):
    return int(arrays["seed"]) if "seed" in arrays else 0


def test_every_route_recomputes_what_the_file_holds(arrays):
    found = replay(required_task("pendulum-swingup"), arrays, seed_of(arrays))
    assert {one.quantity.partition("/")[0] for one in found} >= {"reset", "trajectory", "steps"}
    for one in found:
        expected = arrays[one.key][one.rows]
        scale = np.abs(expected).max(initial=0) if one.relative else 1
        difference = np.abs(np.asarray(one.values, float) - expected).max(initial=0)
        assert difference <= one.tolerance * scale, one.quantity


def test_a_sparse_reward_may_not_be_off_at_all(arrays):
    found = replay(required_task("pendulum-swingup"), arrays, seed_of(arrays))
    assert {one.tolerance for one in found if one.key == "reward"} == {0.0}


def test_inputs_are_not_recomputed_and_states_are(arrays):
    keys = {one.key for one in replay(required_task("pendulum-swingup"), arrays, seed_of(arrays))}
    assert not keys & set(INPUTS)
    assert set(STATES) <= keys


def test_facts_are_the_compiled_models():
    found = facts(required_task("pendulum-swingup"))
    assert (found["nq"], found["nu"], found["action_dim"], found["max_episode_steps"]) == (1, 1, 1, 500)
    assert "pole" in found["body_names"]
