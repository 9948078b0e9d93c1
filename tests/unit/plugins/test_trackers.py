"""Trackers: how they are found, in which words they are refused, and that no run depends on one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.distributions import install
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.errors import PluginError, UnknownName
from rephase.plugins.registry import discover
from rephase.plugins.trackers import discover_trackers

OFFERS = """
from rephase.plugins import TrackerOffer, hookimpl

@hookimpl
def rephase_trackers():
    return [TrackerOffer("{name}", "a fake", "{module}:build")]
"""

GOOD = """
import json, random

class Listing:
    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.file = (folder / "told.jsonl").open("w")

    def track(self, run, epoch, metrics):
        # Disturbs what a run might share with it.
        import torch
        torch.manual_seed(0), random.seed(0)
        metrics["loss"] = None
        self.file.write(json.dumps([run, epoch, sorted(metrics)]) + chr(10))

    def close(self):
        self.file.close()

build = Listing
"""

RAISES = """
class Broken:
    def track(self, run, epoch, metrics):
        raise {error}

    def close(self):
        raise OSError("never reached")

def build(folder):
    return Broken()
"""


def offer(
    patch: pytest.MonkeyPatch, folder: Path, distribution: str, name: str, body: str = "def build(folder): pass\n"
) -> None:
    module = distribution.replace("-", "_")
    install(patch, folder, distribution, source=OFFERS.format(name=name, module=module) + body)


def records(project: Path) -> dict[str, dict[str, object]]:
    found = {}
    for path in sorted(project.glob("runs/*/*/*/*/record.json")):
        record = json.loads(path.read_text())
        for key in ("wall_seconds", "provenance", "digest"):  # when and where, which no two runs share
            del record[key]
        found[str(path.relative_to(project))] = record
    return found


def test_a_plugin_of_trackers_alone_is_no_fault_and_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, tmp_path, "rephase-listing", "listing")

    assert discover(["rephase-listing"]).faults == ()
    assert main(["plugins", "--kind", "tracker"]) == 0
    assert "tracker  listing" in capsys.readouterr().out


def test_a_hook_of_trackers_is_not_called_unless_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from rephase.plugins import hookimpl\n@hookimpl\ndef rephase_trackers():\n    raise OSError('asked\\ntwice')\n"
    )
    install(monkeypatch, tmp_path, "rephase-shy", source=source)

    assert discover(["rephase-shy"]).faults == ()
    [fault] = discover_trackers().faults
    assert str(fault.error()) == (
        "rephase-shy 1.0: rephase_trackers failed: OSError: asked twice; fix or remove rephase-shy"
    )


def test_what_is_no_offer_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from rephase.plugins import hookimpl\n@hookimpl\ndef rephase_trackers():\n    return ['x']\n"
    install(monkeypatch, tmp_path, "rephase-odd", source=source)

    [fault] = discover_trackers().faults
    assert str(fault.error()) == (
        "rephase-odd 1.0: rephase_trackers returned 'x'; return rephase.plugins.TrackerOffer objects"
    )


def test_unknown_colliding_and_unloadable_trackers_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, tmp_path / "a", "rephase-one", "twin")
    offer(monkeypatch, tmp_path / "b", "rephase-two", "twin")
    offer(monkeypatch, tmp_path / "c", "rephase-empty", "empty", body="")
    trackers = discover_trackers()

    with pytest.raises(PluginError) as collision:
        trackers.load("twin")
    assert str(collision.value) == (
        "--track: tracker 'twin' is offered by rephase-one 1.0 and rephase-two 1.0; uninstall all but one of them"
    )
    with pytest.raises(UnknownName, match=r"--track: unknown tracker 'emty'; did you mean 'empty'\?"):
        trackers.load("emty")
    with pytest.raises(PluginError) as missing:
        trackers.load("empty")
    assert str(missing.value) == (
        "rephase_empty:build: the tracker 'empty' cannot be loaded: AttributeError: module 'rephase_empty' has no "
        "attribute 'build'; install what its plugin needs, or fix the plugin"
    )


@pytest.mark.torch
def test_a_misspelt_tracker_stops_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path)

    assert main(["run", "phase3", "--project", str(project), "--jobs", "1", "--track", "nowhere"]) == 2
    assert "unknown tracker 'nowhere'" in capsys.readouterr().err
    assert records(project) == {}


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_records_are_the_same_with_a_tracker_one_that_raises_and_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    offer(monkeypatch, tmp_path / "a", "rephase-listing", "listing", GOOD)
    offer(monkeypatch, tmp_path / "b", "rephase-raising", "raising", RAISES.format(error="ValueError('no\\nroom')"))
    offer(monkeypatch, tmp_path / "c", "rephase-leaving", "leaving", RAISES.format(error="SystemExit(9)"))
    offer(monkeypatch, tmp_path / "d", "rephase-stillborn", "stillborn", "def build(folder): raise OSError('full')\n")
    plain, told = (make_project(tmp_path / name, tasks=("reacher-easy",), seeds=(1,)) for name in ("plain", "told"))
    words = ["listing", "raising", "leaving", "stillborn"]

    assert main(["run", "phase3", "--project", str(plain), "--jobs", "1"]) == 0
    capsys.readouterr()
    tracks = [word for name in words for word in ("--track", name)]
    assert main(["run", "phase3", "--project", str(told), "--jobs", jobs, *tracks]) == 0

    assert records(told) == records(plain) != {}
    dropped = [line for line in capsys.readouterr().err.splitlines() if "tracker" in line]
    assert sorted(dropped) == [
        "tracker leaving dropped, the run goes on without it: SystemExit: 9",
        "tracker raising dropped, the run goes on without it: ValueError: no room",
        "tracker stillborn dropped, the run goes on without it: OSError: full",
    ]
    [file] = told.glob("runs/*/tracked/listing/told.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    labels = {"/".join(path.split("/")[2:5]) for path in records(told)}
    assert {label for label, _, _ in lines} == labels
    for label in labels:
        own = [(epoch, names) for one, epoch, names in lines if one == label]
        last = max(epoch for epoch, _ in own)
        assert own[-1] == (last, ["loss", "return"])
        assert {"actor_grad_norm", "value_loss"} & set(own[0][1])
