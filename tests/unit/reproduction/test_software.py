"""In what two executions differ, from what their provenance says."""

from __future__ import annotations

import pytest

from rephase.reproduction import software as module
from rephase.reproduction.software import differing_origins, instructions, software

RECORDED = {
    "machine": {"cpu": "a Xeon", "gpu": {"name": "H100"}, "torch": "2.7", "threads": 4, "image": ""},
    "software": {"numpy": "2.1", "scipy": "1.14"},
    "code": {"version": "0.2.0"},
    "arithmetic": {"used": "portable"},
    "instructions": {"torch": "AVX512"},
}


def test_only_what_both_name_and_what_differs_is_given_the_machine_first() -> None:
    run = {
        "machine": {"cpu": "an EPYC", "torch": "2.7"},
        "software": {"numpy": "2.2"},
        "instructions": {"torch": "AVX2"},
    }
    found = differing_origins(RECORDED, [run])

    assert [(one.name, one.recorded, one.reproduced) for one in found] == [
        ("CPU", "a Xeon", "an EPYC"),
        ("instructions of torch", "AVX512", "AVX2"),
        ("numpy", "2.1", "2.2"),
    ]


def test_where_runs_disagree_the_most_frequent_counts() -> None:
    runs = [{"software": {"numpy": version}} for version in ("2.1", "2.2", "2.2")]
    (found,) = differing_origins(RECORDED, runs)
    assert found.reproduced == "2.2"
    assert differing_origins(RECORDED, [runs[0], runs[0], runs[1]]) == ()


def test_provenance_of_another_shape_differs_in_nothing() -> None:
    assert differing_origins({"machine": "a Xeon", "software": None}, [{"machine": []}]) == ()


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPUTING", ("numpy", "no-such-distribution"))
    assert list(software()) == ["numpy"]


def test_settings_from_outside_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "")
    found = instructions()
    assert found["MKL_CBWR"] == "COMPATIBLE"
    assert "OPENBLAS_CORETYPE" not in found
