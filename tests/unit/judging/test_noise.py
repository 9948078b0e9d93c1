"""Seeds that spread less than their episodes alone would make them."""

from attrs import evolve
from fakes.judged import judge, record, rows


def test_seeds_that_spread_less_than_their_episodes_would_are_a_warning():
    episodes = (0.0, 1000.0) * 5
    same = [evolve(row, reward=500.0 + row.seed % 2, episode_returns=()) for row in rows()]
    noisy = [evolve(row, reward=500.0, episode_returns=episodes) if row.task == "reacher-easy" else row for row in same]
    (note,) = judge(noisy, record(noisy)).notes
    assert note.startswith("seeds spread less than their episodes alone would make them: baseline/reacher-easy (0.0")
    assert "episodes alone 166.7" in note
