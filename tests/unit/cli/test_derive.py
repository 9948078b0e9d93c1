"""A derived phase is written where it was asked for, and the next commands can be pasted."""

import shutil

import pytest
from fakes.stores import ROOT


@pytest.fixture
def project(tmp_path):
    wanted = ("phase3", "configs")
    for name in wanted:
        shutil.copytree(ROOT / "reproductions" / name, tmp_path / "reproductions" / name)
    (tmp_path / "reproductions/embedded").symlink_to(ROOT / "reproductions/embedded")
    return tmp_path


def test_it_says_what_it_wrote_and_what_comes_next(project, command, monkeypatch):
    monkeypatch.setenv("REPHASE_INPUTS", str(ROOT / "reproductions"))
    words = ["derive", "phase3", "mine", "--config", "flowpolicy", "--set", "policy.integrator.part=rk4"]
    code, text, _ = command(*words, "--project", project)
    assert code == 0
    assert text.splitlines()[-2:] == [
        f"  rephase run mine --project {project}",
        f"  rephase check mine --project {project}",
    ]
    written = (project / "reproductions/mine/embedded.toml").read_text()
    assert "rephase derive phase3 mine --config flowpolicy --set policy.integrator.part=rk4" in written


def test_a_seed_that_is_no_number_is_a_usage_error(project, command):
    code, _, error = command("derive", "phase3", "mine", "--seed", "many", "--project", project)
    assert code == 2
    assert "invalid int value: 'many'" in error
