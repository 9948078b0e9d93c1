"""Pictures of recorded outcomes: one for each thing that was recorded, the same for the same outcomes."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from attrs import evolve

from rephase.manifest.outcomes import read_outcomes
from rephase.report.pictures import captions, pictures, returns_picture
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def phase():
    return open_phase("phase4-corrected", "embedded", ROOT)


@pytest.fixture(scope="module")
def recorded():
    return read_outcomes(ROOT / "reproductions/phase4-corrected/embedded.recorded.json")


def test_what_was_not_recorded_has_no_picture(recorded):
    names = ["phase4-corrected", "phase4-corrected-curves", "phase4-corrected-promised"]
    assert list(captions(recorded)) == names
    bare = evolve(recorded, outcomes=tuple(evolve(one, curve=(), predicted_return=None) for one in recorded.outcomes))
    assert list(captions(bare)) == names[:1]


def test_every_caption_has_a_picture_that_stands_by_itself(phase, recorded):
    found = pictures(phase, recorded)
    assert set(found) == set(captions(recorded))
    for text in found.values():
        words = {node.text for node in ElementTree.fromstring(text).iter() if node.tag.endswith("}text")}
        assert set(phase.manifest.tasks) <= words


def test_the_same_outcomes_give_the_same_picture_and_others_another(phase, recorded):
    first = returns_picture(phase, recorded)
    assert returns_picture(phase, recorded) == first
    moved = evolve(recorded, outcomes=tuple(evolve(one, reward=one.reward + 9) for one in recorded.outcomes))
    assert returns_picture(phase, moved) != first
