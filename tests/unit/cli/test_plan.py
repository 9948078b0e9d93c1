"""How many seeds a rerun needs, from one table on a command line."""

import json

import pytest


@pytest.fixture
def recorded(tmp_path):
    rows = "".join(f"a,t,{seed},{value}\n" for seed, value in enumerate((90, 100, 110, 95, 105)))
    (tmp_path / "recorded.csv").write_text(f"method,task,seed,reward\n{rows}")
    return tmp_path / "recorded.csv"


def test_a_larger_shift_needs_fewer_seeds(recorded, command):
    needed = [json.loads(command("plan", recorded, "--shift", shift, "--json")[1])["seeds"] for shift in (20, 40)]
    assert needed[0] > needed[1] >= 1


def test_the_numbers_asked_about_are_answered(recorded, command):
    code, text, _ = command("plan", recorded, "--seeds", "4", "7")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines() if " seeds: " in line] == ["4", "7"]


def test_a_power_that_is_none_is_refused(recorded, command):
    code, _, error = command("plan", recorded, "--power", "1.5")
    assert code == 2
    assert "expected a power from 0.5 to below 1" in error
