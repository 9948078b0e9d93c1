from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from chunk_files import SPACES, fields, write

from rephase.engine.store import EpisodeStore, import_chunks
from rephase.errors import DatasetError
from rephase.manifest.algorithm import Variant

ROWS = 9
STEPS = ROWS - 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    chunks = [
        write(tmp_path / "a.pt", fields([3, 4, 3, 3], ROWS)),
        write(tmp_path / "b.pt", fields([4, 3, 3], ROWS, seed=1)),
    ]
    import_chunks(chunks, tmp_path / "store", SPACES, ROWS)
    return EpisodeStore(tmp_path / "store")


def test_a_slice_is_a_stretch_of_one_episode(store: EpisodeStore) -> None:
    horizon = 3
    drawn = store.slices(3, 200, horizon, seeded())
    assert drawn.observations.shape == (horizon + 1, 200, 24)
    assert drawn.actions.shape == (horizon, 200, 6)
    assert drawn.rewards.shape == (horizon, 200)
    assert drawn.task.tolist() == [3] * 200
    labels = drawn.observations[..., 0]
    # A label is 100 * episode + row: rows follow each other, and nothing crosses from one episode to the next.
    assert torch.equal(labels - labels[0], torch.arange(horizon + 1.0)[:, None].expand(-1, 200))
    # The action and reward of a step are those stored with the row it led to.
    assert torch.equal(drawn.actions[..., 0], labels[1:])
    assert torch.equal(drawn.rewards, labels[1:])
    first = labels[0] % 100
    assert first.min() == 0
    assert first.max() == STEPS - horizon
    assert drawn.actions.isfinite().all()


def test_start_observations_are_those_of_the_slices(store: EpisodeStore) -> None:
    starts = store.starts(3, 50, 3, seeded())
    assert torch.equal(starts, store.slices(3, 50, 3, seeded()).observations[0])


def test_the_whole_episode_is_the_longest_slice(store: EpisodeStore) -> None:
    drawn = store.slices(4, 2, STEPS, seeded())
    assert (drawn.observations[0, :, 0] % 100 == 0).all()
    with pytest.raises(DatasetError) as caught:
        store.slices(4, 2, STEPS + 1, seeded())
    assert str(caught.value) == (
        f"{store.folder}, task 4: no stretch of 9 steps fits an episode of 8; choose a shorter horizon"
    )


def test_draws_depend_on_the_generator_alone(store: EpisodeStore) -> None:
    once, again = (EpisodeStore(store.folder).slices(3, 20, 3, seeded(5)) for _ in range(2))
    assert torch.equal(once.observations, again.observations)
    assert not torch.equal(once.observations, store.slices(3, 20, 3, seeded(6)).observations)


def test_a_draw_over_all_tasks_is_even(store: EpisodeStore) -> None:
    assert store.draw(1, 3, seeded())[3].tolist() == [3]
    observations, actions, rewards, task = store.draw(5, 3, seeded())
    assert task.tolist() == [3, 3, 3, 4, 4]
    assert (observations.shape, actions.shape, rewards.shape) == ((4, 5, 24), (3, 5, 6), (3, 5))


def test_pages_given_back_between_draws_change_nothing(store: EpisodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store.slices(3, 20, 3, seeded())
    monkeypatch.setattr("rephase.engine.store.reading._KEPT_DRAWS", 3)
    cut = store.slices(3, 20, 3, seeded())
    assert torch.equal(whole.observations, cut.observations)
    assert torch.equal(whole.rewards, cut.rewards)
    assert torch.equal(whole.observations[0], store.starts(3, 20, 3, seeded()))


def test_corrected_sampling_uses_each_episode_once(store: EpisodeStore) -> None:
    generator = seeded()
    before = generator.get_state()
    assert store.sampled(3, Variant.CORRECTED, generator).tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(generator.get_state(), before)


def test_logged_sampling_redraws_each_chunk_with_replacement(store: EpisodeStore) -> None:
    sampled = torch.stack([store.sampled(3, Variant.AS_LOGGED, seeded(seed)) for seed in range(100)])
    first, second = sampled[:, :3], sampled[:, 3:]
    assert sorted(first.unique().tolist()) == [0, 1, 2]
    assert sorted(second.unique().tolist()) == [3, 4]
    assert any(len(row.unique()) < 5 for row in sampled)
    drawn = store.slices(3, 100, 3, seeded(), among=torch.tensor([4]))
    assert (drawn.observations[..., 0] // 100 == 2).all()  # episode 4 of the task is episode 2 of the second chunk


def test_logged_sampling_leaves_out_a_third_of_the_episodes(tmp_path: Path) -> None:
    import_chunks([write(tmp_path / "c.pt", fields([3] * 2000, 2))], tmp_path / "large", SPACES, 2)
    sampled = EpisodeStore(tmp_path / "large").sampled(3, Variant.AS_LOGGED, seeded())
    assert len(sampled) == 2000
    assert len(sampled.unique()) / 2000 == pytest.approx(1 - 1 / 2.718281828, abs=0.02)


def test_an_absent_task_is_named(store: EpisodeStore) -> None:
    with pytest.raises(DatasetError) as caught:
        store.starts(7, 1, 1, seeded())
    assert str(caught.value) == (
        f"{store.folder}: holds no episode of task 7, only of 3, 4; import the chunks that hold it"
    )
    assert store.episodes(3) == 5


def test_a_folder_without_a_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        EpisodeStore(tmp_path)
    assert str(caught.value) == f"{tmp_path}: holds no dataset store; 'rephase import-dataset' makes one"


def test_a_damaged_store_is_noticed(store: EpisodeStore) -> None:
    array = store.folder / "task-04" / "rewards.npy"
    whole = array.read_bytes()
    array.write_bytes(whole[:-4])
    with pytest.raises(DatasetError, match=r"has 188 bytes of shape \(2, 8\), expected 192 of \(2, 8\)"):
        EpisodeStore(store.folder)
    array.write_bytes(whole[:-4] + b"abcd")
    damaged = EpisodeStore(store.folder)
    with pytest.raises(DatasetError, match=r"rewards.npy: is sha256:\w{64}, expected sha256:\w{64}; it was changed"):
        damaged.verify()
    array.unlink()
    with pytest.raises(DatasetError, match=r"rewards.npy: cannot be read"):
        EpisodeStore(store.folder)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data.update(schema=2), "has layout 2, this version reads 1"),
        (lambda data: data.pop("tasks"), "tasks: missing key; add tasks, a list"),
        (
            lambda data: data["tasks"][0]["rewards"].update(file="/etc/hostname"),
            "'/etc/hostname' leads to /etc/hostname, expected a file of the store {store}",
        ),
    ],
)
def test_an_unknown_index_is_refused(store: EpisodeStore, change: object, problem: str) -> None:
    path = store.folder / "index.json"
    data = json.loads(path.read_text())
    change(data)  # type: ignore[operator]
    path.write_text(json.dumps(data))
    with pytest.raises(DatasetError) as caught:
        EpisodeStore(store.folder)
    assert str(caught.value) == f"{path}: {problem.format(store=store.folder)}; import the dataset again"
    path.write_text("{")
    with pytest.raises(DatasetError, match=r"index.json: is not JSON"):
        EpisodeStore(store.folder)
