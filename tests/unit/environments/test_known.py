"""Which tasks there are: the log's by the same hook as anybody's, told apart by names and rows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from fakes.distributions import install
from fakes.tasks import POINT, TASKS

from rephase.cli.main import main
from rephase.environments import SPACES, SUITE, Lockstep, TaskSet, discover_tasks, find_task, make, spaces_of
from rephase.errors import EnvironmentFault, PluginError, UnknownName
from rephase.plugins import TaskOffer


@pytest.fixture
def point(monkeypatch, tmp_path):
    """An installed plugin that offers the task ``point``."""
    source = POINT.format(name="point", module="rephase_point", index=30)
    install(monkeypatch, tmp_path / "point", "rephase-point", source=source)


def test_the_logs_tasks_come_by_the_hook_and_have_the_suites_sizes():
    found = discover_tasks(sources=())
    assert {one.offer for one in found.offered} == set(SUITE)
    assert {str(one.source.distribution) for one in found.offered} == {"rephase"}
    assert SUITE.spaces == spaces_of([find_task("cup-spin")]) == SPACES


def test_a_plugins_task_is_found_played_and_listed(point, capsys):
    task = find_task("point")
    assert task.returns == (0.0, 20.0)
    environment = make("point", 3)
    assert environment.reset((1, 2, 3)).shape == (3, 24)
    assert environment.task_index() == 30
    assert main(["tasks", "--origin", "plugin"]) == 0
    _, row, last = capsys.readouterr().out.splitlines()
    assert row.split() == ["30", "point", "2", "1", "-", "-", "-", "-", "rephase-point"]
    assert last == "1 task, 0 custom, 1 of plugins"
    assert main(["plugins", "--kind", "task"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["task", "point", "rephase-point", "1.0"]


def test_a_plugin_that_is_not_allowed_is_not_imported(point):
    with pytest.raises(UnknownName, match="unknown task 'point'"):
        find_task("point", allowed=["rephase-mlp"])
    assert "rephase_point" not in sys.modules


def test_no_plugin_is_imported_for_one_of_the_logs(point):
    assert find_task("walker-run").index == 2
    assert "rephase_point" not in sys.modules


def test_a_name_of_the_logs_is_offered_once(monkeypatch, tmp_path, capsys):
    source = TASKS.format(name="walker-run", module="rephase_other", index=30)
    install(monkeypatch, tmp_path, "rephase-other", source=source)
    with pytest.raises(PluginError, match=r"task 'walker-run' is offered by rephase \S+ and rephase-other 1\.0"):
        discover_tasks().find("walker-run", "")
    assert main(["tasks"]) == 2
    assert "uninstall all but one of them" in capsys.readouterr().out


def test_a_task_of_a_plugin_adds_its_row_and_widens_what_is_padded():
    wide = TaskOffer(
        name="wide",
        summary="a fake",
        observation_size=30,
        action_size=7,
        returns=(0, 1),
        loader="nowhere:build",
        index=32,
    )
    spaces = TaskSet((find_task("walker-run"), wide)).spaces
    assert (spaces.observation, spaces.action, spaces.tasks) == (30, 7, 33)
    assert spaces.action_sizes == (*SPACES.action_sizes, 7, 7, 7)
    assert make("reacher-easy", 1, 1, spaces).reset((0,)).shape == (1, 30)


def test_two_tasks_of_one_row_cannot_be_in_one_phase():
    other = TaskOffer(
        name="other",
        summary="a fake",
        observation_size=24,
        action_size=6,
        returns=(0, 1),
        loader="nowhere:build",
        index=2,
    )
    with pytest.raises(PluginError, match="tasks 'walker-run' and 'other' both have row 2 of the embedding"):
        TaskSet((find_task("walker-run"), other))


def test_a_builder_that_fails_or_returns_something_else_is_named(monkeypatch, tmp_path):
    source = TASKS + "\ndef build(task, count, threads, spaces):\n    {body}\n"
    for number, (body, words) in enumerate(
        (
            ("raise OSError('no simulator')", "the task 'broken' cannot be built: OSError: no simulator"),
            ("return 3", "is built as int, which is no rephase.protocols.BatchedEnvironment"),
        )
    ):
        module = f"rephase_broken{number}"
        text = source.format(name="broken", module=module, index=30, body=body)
        with monkeypatch.context() as patch:
            install(patch, tmp_path / str(number), module.replace("_", "-"), source=text)
            with pytest.raises(PluginError, match=words):
                make("broken", 1)


def test_an_offer_that_says_nonsense_is_refused():
    with pytest.raises(ValueError, match=r"the range of return of 'x' is \(1, 0\), expected the lower one first"):
        TaskOffer(name="x", summary="a fake", observation_size=1, action_size=1, returns=(1, 0), loader="nowhere:build")
    with pytest.raises(ValueError, match="must be >= 1"):
        TaskOffer(name="x", summary="a fake", observation_size=0, action_size=1, returns=(0, 1), loader="nowhere:build")


def test_finding_a_task_loads_neither_a_simulator_nor_torch():
    code = (
        "import sys; from rephase.environments import discover_tasks, find_task; find_task('walker-run');"
        "discover_tasks(sources=());"
        "sys.exit(any(name in sys.modules for name in ('torch', 'mujoco', 'dm_control', 'gymnasium')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Box:
    def __init__(self, low, high, shape=(2,)):
        self.low, self.high, self.shape = low, high, shape


class Gym:
    """Ends after three steps; its observation is its last action."""

    action_space = Box(np.array([0.0, -4.0]), np.array([2.0, 4.0]))
    observation = staticmethod(lambda action: action)

    def reset(self, *, seed=None):
        self.steps, self.seed = 0, seed
        return np.zeros(2), {}

    def step(self, action):
        self.steps += 1
        return self.observation(action), 1.0, self.steps == 3, False, {}

    def close(self):
        self.closed = True


class Dm:
    """What `dm_control.rl.control.Environment` has of what is used."""

    class _Spec:
        minimum, maximum, shape = -1.0, 1.0, (2,)

    class _Step:
        def __init__(self, observation, reward, over=False):
            self.observation, self.reward, self._over = observation, reward, over

        def last(self):
            return self._over

    def __init__(self):
        self.task = type("Task", (), {"random": np.random.RandomState(0)})()

    def action_spec(self):
        return self._Spec()

    def reset(self):
        return self._Step({"b": self.task.random.uniform(size=1), "a": 5.0}, None)

    def step(self, action):
        return self._Step({"b": action[:1], "a": 5.0}, 0.5)

    def close(self):
        pass


TASK = TaskOffer(
    name="fake",
    summary="a fake",
    observation_size=2,
    action_size=2,
    returns=(0, 5),
    loader="nowhere:build",
    episode_steps=5,
)


def padded(first):
    rows = np.zeros((len(first), SPACES.action), dtype=np.float32)
    rows[:, :2] = first
    return rows


def test_actions_are_stretched_and_an_episode_that_ends_is_held_without_reward():
    environment = Lockstep(TASK, [Gym(), Gym()], SPACES)
    environment.reset((7, 8))
    seen, _, _ = environment.step(padded([[-1, -1], [0, 3]]))
    assert seen[:, :2].tolist() == [[0, -4], [1, 4]]
    assert not seen[:, 2:].any()
    rewards, overs = zip(*(environment.step(padded([[1, 1], [0, 0]]))[1:] for _ in range(4)), strict=True)
    assert [reward.tolist() for reward in rewards] == [[1, 1], [1, 1], [0, 0], [0, 0]]
    assert overs == (False, False, False, True)
    with pytest.raises(EnvironmentFault, match="there is no episode to step; call reset first"):
        environment.step(padded([[0, 0], [0, 0]]))


def test_seeds_reach_every_episode_and_are_given_once():
    episodes = [Gym(), Gym()]
    environment = Lockstep(TASK, episodes, SPACES)
    seen = []
    for seeds in (None, None, (7, 8)):
        environment.reset(seeds)
        seen.append([one.seed for one in episodes])
    assert seen == [[0, 1], [None, None], [7, 8]]
    with pytest.raises(EnvironmentFault, match="3 seeds; expected 2"):
        environment.reset((1, 2, 3))


def test_dm_controls_kind_is_seeded_by_its_tasks_stream_and_its_observation_flattened():
    environment = Lockstep(TASK, [Dm(), Dm()], SPACES)
    first = environment.reset((3, 4))
    assert first[:, 1].tolist() == [5, 5]
    assert np.array_equal(first, environment.reset((3, 4)))
    assert not np.array_equal(first[0], first[1])
    assert environment.step(padded([[0.25, 0], [0, 0]]))[1].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action_space": Box(-np.inf, np.inf)}, "expected a box of 2 numbers with finite bounds"),
        ({"action_space": Box(-1, 1, (3,))}, "expected a box of 2 numbers with finite bounds"),
        ({"action_space": object()}, "expected a box of 2 numbers with finite bounds"),
    ],
)
def test_actions_that_are_no_box_of_the_tasks_size_are_refused(change, words):
    with pytest.raises(PluginError, match=words):
        Lockstep(TASK, [type("Other", (Gym,), change)()], SPACES)


def test_what_is_neither_kind_or_cannot_be_seeded_is_refused():
    with pytest.raises(PluginError, match=r"a object has neither action_space \(Gymnasium\) nor action_spec"):
        Lockstep(TASK, [object()], SPACES)
    unseeded = Dm()
    unseeded.task.random = None
    with pytest.raises(PluginError, match=r"has no task\.random to seed"):
        Lockstep(TASK, [unseeded], SPACES)


def test_what_an_environment_raises_or_shows_wrongly_names_the_task():
    class Fails(Gym):
        def step(self, action):
            raise RuntimeError("lost\nits wheels")

    class Shows(Gym):
        observation = staticmethod(lambda action: [1.0, np.nan, 2.0])

    for kind, words in (
        (Fails, "fake: its environment failed: RuntimeError: lost its wheels"),
        (Shows, "fake: an observation has 3 numbers, 1 of them not finite; expected 2 finite ones"),
    ):
        environment = Lockstep(TASK, [kind()], SPACES)
        environment.reset()
        with pytest.raises(EnvironmentFault, match=words):
            environment.step(padded([[0, 0]]))


def test_actions_that_are_not_finite_or_of_another_shape_step_nothing():
    episode = Gym()
    environment = Lockstep(TASK, [episode], SPACES)
    environment.reset()
    with pytest.raises(EnvironmentFault, match="actions are not finite"):
        environment.step(padded([[np.nan, 0]]))
    with pytest.raises(EnvironmentFault, match=r"actions of shape \(1, 2\); expected \(1, 6\)"):
        environment.step(np.zeros((1, 2), dtype=np.float32))
    assert episode.steps == 0
    environment.close()
    assert episode.closed
