from __future__ import annotations

from rephase_tensorboard.offers import rephase_trackers
from rephase_tensorboard.tracker import TensorBoardTracker
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from rephase.plugins.trackers import discover_trackers
from rephase.protocols import Tracker


def scalars(folder):
    found = []
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for raw in RawEventFileLoader(str(file)).Load():
            event = Event.FromString(raw)
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return found


def test_it_is_found_by_its_name_and_is_a_tracker(tmp_path):
    builder = discover_trackers().load("tensorboard")
    assert builder is TensorBoardTracker
    assert rephase_trackers()[0].name == "tensorboard"
    assert isinstance(builder(tmp_path), Tracker)


def test_every_run_gets_its_own_scalars(tmp_path):
    tracker = TensorBoardTracker(tmp_path / "tensorboard")
    assert not (tmp_path / "tensorboard").exists()
    for epoch in (1, 2):
        tracker.track("baseline/walker-stand/seed-1", epoch, {"policy_loss": -1.5 * epoch})
        tracker.track("baseline/walker-stand/seed-2", epoch, {"policy_loss": 0.5})
    tracker.track("baseline/walker-stand/seed-1", 2, {"return": 310.0})
    tracker.close()
    runs = tmp_path / "tensorboard/baseline/walker-stand"
    assert scalars(runs / "seed-1") == [(1, "policy_loss", -1.5), (2, "policy_loss", -3.0), (2, "return", 310.0)]
    assert scalars(runs / "seed-2") == [(1, "policy_loss", 0.5), (2, "policy_loss", 0.5)]


def test_a_resumed_run_adds_to_what_is_there(tmp_path):
    for epoch in (1, 2):
        tracker = TensorBoardTracker(tmp_path)
        tracker.track("a", epoch, {"return": float(epoch)})
        tracker.close()
    assert sorted(scalars(tmp_path / "a")) == [(1, "return", 1.0), (2, "return", 2.0)]
