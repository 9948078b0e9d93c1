"""What is recorded of a phase: every block of seeds that was run, and nothing unfinished."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.records import write

from rephase.errors import CannotRunHere
from rephase.reproduction.phases import open_phase
from rephase.reproduction.recording import outcomes_of
from rephase.reproduction.storing import Store

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, open_phase("phase3", "embedded", ROOT))


def test_a_record_is_made_of_every_block_of_seeds_that_was_run(store: Store) -> None:
    write(store, store.phase.runs())
    assert len(outcomes_of(store, "x").outcomes) == 18
    write(store, store.phase.runs(reference=True))
    recorded = outcomes_of(store, "x")
    assert len(recorded.outcomes) == 72
    assert len({outcome.seed for outcome in recorded.outcomes}) == 12
    assert len(recorded.provenance["made_from"]) == 72


def test_a_block_that_was_begun_has_to_be_finished(store: Store) -> None:
    write(store, (*store.phase.runs(), *store.phase.runs(reference=True)[-1:]))
    with pytest.raises(CannotRunHere, match=r"17 runs are not complete.*--reference' completes them"):
        outcomes_of(store, "x")
    with pytest.raises(CannotRunHere, match="18 runs are not complete"):
        outcomes_of(Store(store.folder / "empty", store.phase), "x")
