"""A schedule takes numbers that mean something."""

from __future__ import annotations

from typing import Any

import pytest

from rephase.manifest.algorithm import Variants
from rephase.reproduction.pretraining.schedule import EXTRACTION, PretrainSchedule


@pytest.mark.parametrize("name", ["explore", "rounds", "episodes", "final_fit", "horizon", "start_states"])
def test_nothing_can_be_done_zero_times(name: str) -> None:
    assert getattr(PretrainSchedule(**{name: 1}), name) == 1
    with pytest.raises(ValueError, match=name):
        PretrainSchedule(**{name: 0})


@pytest.mark.parametrize("wrong", [{"noise": ()}, {"seed": -1}])
def test_noise_is_some_and_seeds_are_not_negative(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PretrainSchedule(**wrong)


def test_policies_are_extracted_without_the_defects_of_the_logged_code() -> None:
    assert EXTRACTION.variants == Variants.corrected()
