"""A broken, a misspelt and two colliding plugins are installed: each is listed with its reason, and work goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.distributions import install
from fakes.projects import make_project

from rephase.cli.main import main


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path / "a", "rephase-broken", source="import nowhere_to_be_found\n")
    install(monkeypatch, tmp_path / "b", "rephase-misspelt", hook="rephase_ofers")
    install(monkeypatch, tmp_path / "c", "rephase-one", name="twin")
    install(monkeypatch, tmp_path / "d", "rephase-two", version="3.0", name="twin")


@pytest.mark.usefixtures("faulty")
def test_each_is_listed_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 2

    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith("failed: ")] == [
        "failed: rephase-broken 1.0: rephase_broken cannot be imported: ModuleNotFoundError: No module named "
        "'nowhere_to_be_found'; fix or remove rephase-broken",
        "failed: rephase-misspelt 1.0: implements an unknown hook 'rephase_ofers'; did you mean 'rephase_offers'?",
        "failed: rephase-one 1.0 and rephase-two 3.0: integrator 'twin' is offered by rephase-one 1.0 and rephase-two "
        "3.0; uninstall all but one of them",
    ]
    assert ", 3 failed" in text
    assert "heun" in text


@pytest.mark.slow
@pytest.mark.usefixtures("faulty")
def test_a_phase_that_names_none_of_them_runs(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1,))

    assert main(["run", "phase3", "--project", str(project), "--jobs", "1"]) == 0
    assert len(list(project.glob("runs/*/*/*/*/record.json"))) == 2


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("rephase-broken", "rephase_broken cannot be imported"),
        ("rephase-misspelt", "implements an unknown hook 'rephase_ofers'"),
    ],
)
def test_a_phase_that_names_one_says_what_is_wrong_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plugin: str, said: str
) -> None:
    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1,))
    manifest = project / "reproductions/phase3/embedded.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace("[plugins]\n", f'[plugins]\n{plugin} = ">=0"\n'))

    assert main(["run", "phase3", "--project", str(project), "--jobs", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not list(project.glob("runs/*/*/*/*/record.json"))


@pytest.mark.usefixtures("faulty")
def test_a_phase_that_asks_for_a_name_two_offer_names_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1,))
    words = ["derive", "phase3", "mine", "--project", str(project), "--config", "flowpolicy"]
    words += ["--plugin", "rephase-one", "--plugin", "rephase-two", "--set", "policy.integrator.part=twin"]

    assert main(words) == 2
    assert not (project / "reproductions/mine").exists()
    assert "integrator 'twin' is offered by rephase-one 1.0 and rephase-two 3.0" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["build", "act"])
def test_a_part_that_leaves_the_program_fails_its_runs_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    from rephase_mlp.policy import GaussianPolicy

    def leave(*_: object, **__: object) -> None:
        raise SystemExit("no licence found")

    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1,))
    monkeypatch.setattr(GaussianPolicy, "__init__" if place == "build" else "act", leave)

    assert main(["run", "phase3", "--project", str(project), "--jobs", "1", "--config", "baseline"]) == 2

    said = capsys.readouterr().err
    assert "rephase-mlp" in said
    assert "SystemExit: no licence found" in said
    assert main(["status", "phase3", "--project", str(project)]) == 0
    assert "FAILED" in capsys.readouterr().out
