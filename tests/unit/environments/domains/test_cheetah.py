"""The cheetah is paid for speed, forwards or backwards, and for lifted feet."""

import pytest


@pytest.mark.parametrize(
    ("name", "speed", "reward"),
    [
        ("cheetah-run", 10, 1),
        ("cheetah-run", 5, 0.5),
        ("cheetah-run", -5, 0),
        ("cheetah-run-backwards", -8, 1),
        ("cheetah-run-backwards", -4, 0.5),
        ("cheetah-run-backwards", 4, 0),
    ],
)
def test_speed_is_paid_in_proportion(name, speed, reward, posed):
    assert posed(name, speeds={"rootx": speed}).reward()[0] == pytest.approx(reward, abs=0.02)


def test_a_lifted_cheetah_jumps_and_a_running_one_does_less(posed):
    low, high = posed("cheetah-jump").reward()[0], posed("cheetah-jump", rootz=1.5).reward()[0]
    assert low < high == pytest.approx(1)
    assert posed("cheetah-jump", rootz=1.5, speeds={"rootx": 3}).reward()[0] == pytest.approx(5 / 6)


def test_where_it_is_along_the_track_is_not_seen(posed):
    first, far = (posed("cheetah-run", rootx=place).observation()[0] for place in (0, 100))
    assert first.tolist() == far.tolist()
    assert len(first) == 17
