"""Where every run is in its life, as the folders say it and as text and JSON alike."""

import fcntl

import pytest
from fakes.stores import ROOT

from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import RunState, State, Store


def test_every_run_has_its_state_and_the_last_line_counts_them(runs, about_phase3, as_json):
    code, text, _ = about_phase3("status")
    assert code == 0
    assert text.splitlines()[-1] == "12 COMPLETED, 1 FAILED, 5 never asked for"
    assert "not finite: actor gradient norm" in text
    rows = as_json("status")
    assert [row["state"] for row in rows] == ["COMPLETED"] * 12 + ["FAILED"] + [""] * 5


@pytest.mark.parametrize("held", [True, False])
def test_a_running_run_that_nobody_holds_is_said_to_have_died(held, runs, as_json):
    store = Store(runs, open_phase("phase3", "logged", ROOT))
    run = store.phase.runs()[14]
    store.write_state(run, RunState(state=State.RUNNING, epoch=5, epochs=10))
    with (store.folder_of(run) / "lock").open("w") as stream:
        if held:
            fcntl.flock(stream, fcntl.LOCK_EX)
        row = as_json("status")[14]
    assert row["reason"] == (
        "" if held else "no process holds it: it died or is being moved; 'rephase run' goes on from there"
    )


def test_without_a_phase_all_of_a_scale_are_shown(command, tmp_path):
    code, text, _ = command("status", "--scale", "logged", "--project", ROOT, "--runs", tmp_path)
    assert code == 0
    assert {line.split()[0] for line in text.splitlines()[1:-1]} == {"phase3", "phase4", "phase5"}
