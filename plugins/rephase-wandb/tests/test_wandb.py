from __future__ import annotations

import json
import struct
from pathlib import Path

import wandb
from rephase_wandb.tracker import WandbTracker
from wandb.proto import wandb_internal_pb2

from rephase.plugins.trackers import discover_trackers
from rephase.protocols import Tracker


def history(file: Path):
    name, rows = "", []
    for data in stored(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        name = record.run.display_name or name
        if record.HasField("history"):
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            rows.append({key: value for key, value in items.items() if not key.startswith("_")})
    return name, rows


def stored(data: bytes):
    """Records of a small file: after 7 bytes each has a checksum, its length and a type, 1 for a whole record."""
    at = 7
    while at < len(data):
        _, length, kind = struct.unpack_from("<IHB", data, at)
        assert kind == 1
        yield data[at + 7 : at + 7 + length]
        at += 7 + length


def test_it_is_found_by_its_name_and_is_a_tracker(tmp_path):
    builder = discover_trackers().load("wandb")
    assert builder is WandbTracker
    assert isinstance(builder(tmp_path), Tracker)


def test_every_run_is_kept_offline_under_its_label(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "")
    tracker = WandbTracker(tmp_path / "wandb")
    assert not (tmp_path / "wandb").exists()
    for epoch in (1, 2):
        tracker.track("baseline/walker-stand/seed-1", epoch, {"actor_loss": -1.5 * epoch})
    tracker.track("baseline/walker-stand/seed-2", 1, {"return": 310.0})
    tracker.close()
    wandb.teardown()  # what the end of a process does: until then the service may still be writing
    files = sorted(tmp_path.glob("wandb/wandb/offline-run-*/*.wandb"))
    found = dict(history(file) for file in files)
    assert found == {
        "baseline/walker-stand/seed-1": [{"actor_loss": -1.5, "epoch": 1}, {"actor_loss": -3.0, "epoch": 2}],
        "baseline/walker-stand/seed-2": [{"epoch": 1, "return": 310.0}],
    }
