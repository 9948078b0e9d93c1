"""Every code sample of pages and docstrings runs, is checked against the real thing, or is listed with a reason.

A sample of a new kind, a program nobody knows, a command, option, session, phase, config, file or extra that does not
exist: each makes a test here fail.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fakes.projects import make_project
from samples import ROOT, Sample, commands, indented_blocks, pages, samples, spans

from rephase.cli.commands import COMMANDS, Command
from rephase.cli.main import main, parser_of
from rephase.manifest.reading import structure
from rephase.manifest.schema import Manifest
from rephase.reproduction.phases import open_phase

pytestmark = pytest.mark.slow

NOT_CODE = {
    "CONTRIBUTING.md": "the floors of the code, which tests/architecture and import-linter hold",
    "docs/explanation/layout.md": "a picture of the floors, which tests/docs/test_layout_page.py holds",
    "docs/explanation/verdicts.md": "formulas, which tests/unit/judging checks",
    "docs/how-to/pretrain-for-your-task.md": "an error, which tests/functional/test_pretraining_tasks.py provokes",
    "docs/how-to/judge-any-table.md": "tables, which tests/docs/test_any_table_page.py judges",
    "docs/how-to/run-on-a-cluster.md": "a listing of folders; site profiles, which tests of submit read",
    "docs/how-to/swap-a-part.md": "what `rephase compare` printed of two executions",
    "src/rephase/reproduction/storing.py": "a listing of folders",
    "src/rephase/reproduction/submissions.py": "a listing of folders",
}
"""Files with a sample that is no code, and why."""

RUN_HERE = {"audit", "completion", "derive", "doctor", "new-plugin", "plugins", "show", "status", "tasks"}
RUN_ELSEWHERE = {
    "badge": "tests/unit/report/test_badges.py",
    "cancel": "tests/unit/cli/test_cancel.py",
    "check": "tests/functional/test_phase_by_command.py",
    "compare": "tests/unit/reproduction/test_comparing.py",
    "effects": "tests/unit/judging/test_effects.py",
    "evaluate": "tests/functional/test_phase_by_command.py",
    "export": "tests/unit/reproduction/test_exporting.py",
    "fetch": "tests/unit/cli/test_fetch.py",
    "image": "tests/unit/runtime/test_apptainer.py",
    "import-dataset": "tests/unit/reproduction/test_datasets.py",
    "judge": "tests/functional/test_judging_foreign_tables.py",
    "new-phase": "tests/unit/reproduction/test_new_phase.py",
    "log": "tests/functional/test_phase_by_command.py",
    "pretrain": "tests/functional/test_pretraining_tasks.py",
    "plan": "tests/functional/test_judging_foreign_tables.py",
    "record": "tests/functional/test_phase_by_command.py",
    "rehearse": "tests/functional/test_rehearsing.py",
    "render": "tests/unit/cli/test_render.py",
    "report": "tests/unit/cli/test_report_command.py",
    "run": "tests/functional/test_phase_by_command.py",
    "submit": "tests/unit/cli/test_submit.py",
    "vectors": "tests/unit/cli/test_vectors_command.py",
}
"""Commands that take long or need more than a checkout: samples of them are parsed, and this file runs the command."""

EXTERNAL = {
    "export": "is the shell's own; tests/unit/manifest/test_bounds.py sets the variable",
    "apptainer": "needs Apptainer; tests/cluster runs the image",
    "tensorboard": "serves pages until it is stopped; the plugin's tests read the files",
}
"""Programs that are not ours, and why their samples are not run."""

TENSORDICT = """
__version__ = "0.0"
def TensorDict(fields, batch_size): return fields
"""
"""In place of the library that wrote the chunk files of the tests, which nothing here depends on."""

ALL = samples()
PAGES = sorted({one.file for one in ALL if one.language in ("console", "bash")})


def of(*languages: str) -> list[Sample]:
    return [one for one in ALL if one.language in languages]


def named(one: object) -> str | None:
    return one.place if isinstance(one, Sample) else None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in that looks like a checkout, without its large files."""
    large = shutil.ignore_patterns("*.safetensors", "recipe", "__pycache__")
    shutil.copytree(ROOT / "reproductions", tmp_path / "reproductions", ignore=large)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_sample_says_its_language() -> None:
    assert indented_blocks() == []
    known = {"python", "toml", "console", "bash", "text", "docstring"}
    assert [one.place for one in ALL if one.language not in known] == []
    assert {"README.md", "docs/tutorial/add-an-integrator.md"} <= {str(page.relative_to(ROOT)) for page in pages()}


def test_what_is_no_code_is_listed_with_a_reason() -> None:
    found = {str(one.file.relative_to(ROOT)) for one in ALL if one.language == "text" or _is_listing(one)}
    assert found == set(NOT_CODE)


def test_every_command_is_run_here_or_elsewhere() -> None:
    assert RUN_HERE | set(RUN_ELSEWHERE) == {command.name for command in COMMANDS}
    assert not RUN_HERE & set(RUN_ELSEWHERE)
    for name, file in RUN_ELSEWHERE.items():
        assert f'"{name}"' in (ROOT / file).read_text(encoding="utf-8"), (name, file)


@pytest.mark.torch
@pytest.mark.parametrize("sample", of("python", "docstring"), ids=named)
def test_python_runs(sample: Sample, tmp_path: Path) -> None:
    if _is_listing(sample):
        return
    (tmp_path / "tensordict.py").write_text(TENSORDICT)
    # A process of its own, so that what a sample opens, draws or registers is nobody else's.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", sample.text]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("sample", of("toml"), ids=named)
def test_toml_is_what_the_strict_reader_takes(sample: Sample) -> None:
    written = tomllib.loads(sample.text)
    if "project" in written:  # metadata of a plugin
        assert all(re.fullmatch(r"[\w.]+", value) for value in written["project"]["entry-points"]["rephase"].values())
        return
    whole = tomllib.loads((ROOT / "reproductions/phase3/logged.toml").read_text(encoding="utf-8"))
    structure(_merged(whole, written), Manifest, sample.place)


@pytest.mark.torch
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page(page: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for sample in of("console", "bash"):
        if sample.file != page:
            continue
        found = commands(sample)
        assert found, f"{sample.place}: no line starts with '$ '"
        for words in found:
            _check(words, page, here, sample.place)
            if words[:2] == ["pip", "install"] and (here / words[2] / "pyproject.toml").is_file():
                made = tomllib.loads((here / words[2] / "pyproject.toml").read_text())
                _install(monkeypatch, here / words[2] / "src", made["project"])


@pytest.mark.parametrize("sample", spans(), ids=lambda sample: f"{sample.place} {sample.text}")
def test_commands_within_a_sentence(sample: Sample) -> None:
    """These may leave words out, name them in capitals or give a choice; what is there must exist."""
    whole = not re.search(r"\b[A-Z]+\b|\.\.\.|\||\[", sample.text) and not sample.text.split()[-1].startswith("--")
    if not whole or len(sample.text.split()) == 2:
        _check_loosely(shlex.split(sample.text), sample.place)
    else:
        _check(shlex.split(sample.text), sample.file, ROOT, sample.place, run=False)


def test_the_example_of_a_command_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    [sample] = [one for one in ALL if one.file.name == "main.py" and one.language == "docstring"]
    names: dict[str, object] = {}
    exec(sample.text, names)
    parser = argparse.ArgumentParser()
    names["configure"](parser)  # type: ignore[operator]
    parser.add_argument("--json", action="store_true")

    assert names["run"](parser.parse_args(["walker-stand"])) == 0  # type: ignore[operator]
    assert capsys.readouterr().out == "task 0\n"


@pytest.mark.torch
def test_the_tracker_of_the_hooks_page_tracks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = [one for one in ALL if one.place.startswith("docs/reference/hooks.md")]
    [metadata] = [tomllib.loads(one.text)["project"] for one in page if one.language == "toml"]
    [offers, tracker] = (one.text for one in page if "rephase_trackers" in one.text or "class CsvTracker" in one.text)
    site = tmp_path / "site"
    (site / "my_plugin").mkdir(parents=True)
    for name, text in {"__init__": "", "offers": offers, "tracker": tracker}.items():
        (site / f"my_plugin/{name}.py").write_text(text)
    _install(monkeypatch, site, metadata | {"name": "my-plugin", "version": "1.0"})
    monkeypatch.delitem(sys.modules, "my_plugin", raising=False)
    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1,))

    words = ["run", "phase3", "--config", "baseline", "--project", str(project), "--jobs", "1", "--track", "csv"]
    assert main(words) == 0

    [file] = project.glob("runs/phase3-*/tracked/csv/baseline/reacher-easy/seed-1.csv")
    rows = [line.split(",") for line in file.read_text().splitlines()]
    assert {row[0] for row in rows} == {"1", "2"}
    assert {"return", "actor_grad_norm"} <= {row[1] for row in rows}
    assert "dropped" not in capsys.readouterr().err


def _install(monkeypatch: pytest.MonkeyPatch, site: Path, project: dict[str, Any]) -> None:
    """Make the modules in a folder known, as installing them would."""
    information = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    (information / "METADATA").write_text("\n".join(lines))
    points = [f"{name} = {value}" for name, value in project["entry-points"]["rephase"].items()]
    (information / "entry_points.txt").write_text("\n".join(["[rephase]", *points]))
    monkeypatch.syspath_prepend(site)


def _is_listing(sample: Sample) -> bool:
    return sample.language == "docstring" and str(sample.file.relative_to(ROOT)) in NOT_CODE


def _merged(whole: dict[str, object], part: dict[str, object]) -> dict[str, object]:
    found = dict(whole)
    for key, value in part.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def _check(words: list[str], page: Path, here: Path, place: str, run: bool = True) -> None:
    program, *rest = words
    if program == "rephase":
        _check_rephase(rest, here, place, run)
    elif program == "nox":
        _check_nox(rest, place)
    elif program == "pip":
        _check_pip(rest, page, here, place)
    elif program == "python":
        _check_python(rest, page, here, place)
    else:
        assert program in EXTERNAL, f"{place}: nobody knows the program {program!r}"


def _check_rephase(words: list[str], here: Path, place: str, run: bool) -> None:
    command = _command(words[0], place)
    arguments = parser_of(command).parse_args(words[1:])
    if run and command.name in RUN_HERE:
        assert main(words) in ((0, 3) if command.name == "doctor" else (0,)), place
    if command.name == "pretrain":
        _pretend(arguments, here)
    _check_phases(arguments, command.name, here)


def _pretend(arguments: argparse.Namespace, here: Path) -> None:
    """Leave a phase of that name and those configs, as pretraining would after minutes."""
    target = here / "reproductions" / arguments.name / "embedded.toml"
    target.parent.mkdir(exist_ok=True)
    text = (here / "reproductions/phase3/embedded.toml").read_text()
    policies = arguments.policy or ["main"]
    for old, new in zip(("baseline", "flowpolicy"), [*policies, "other"], strict=False):
        text = text.replace(f"[configs.{old}]", f"[configs.{new}]")
    target.write_text(text.replace('phase = "phase3"', f'phase = "{arguments.name}"'))


def _command(name: str, place: str) -> Command:
    found = [one for one in COMMANDS if one.name == name]
    assert found, f"{place}: rephase has no command {name!r}"
    return found[0]


def _check_phases(arguments: argparse.Namespace, command: str, here: Path) -> None:
    """The phases and configs that are named exist, or were derived further up."""
    wanted = []
    if command == "compare":
        for side in (arguments.first, arguments.second):
            phase, _, config = side.partition(":")
            name, _, scale = phase.partition("@")
            wanted.append((name, scale or "embedded", config))
    elif getattr(arguments, "phase", None) and command != "import-dataset":
        configs = getattr(arguments, "config", None) or ""
        for config in configs if isinstance(configs, list) else [configs]:
            wanted.append((arguments.phase, arguments.scale, config))
    for name, scale, config in wanted:
        phase = open_phase(name, scale, here)
        assert not config or config in phase.configs, f"{name} has no config {config!r}"


def _check_nox(words: list[str], place: str) -> None:
    at = words.index("--") if "--" in words else len(words)
    own, after = " ".join(words[:at]), words[at + 1 :]
    sessions = _sessions()
    for name in re.findall(r"-s (\S+)", own):
        assert name in sessions, f"{place}: no session {name!r}"
    assert re.fullmatch(r"(-s \S+)?|-l", own), f"{place}: nox {own}"
    if after and "reproduce" in own:
        parser_of(COMMANDS[0]).parse_args(["phase3", *after])
    elif after and own == "-s rehearse":
        assert set(after) <= {"phase3", "phase4", "phase5", "--whole"}, place
    elif after:
        assert own == "-s tests", f"{place}: {own} takes nothing more"
        told = _without_marker(after, place)
        assert all((ROOT / word).exists() for word in told if not word.startswith("-")), place


def _sessions() -> set[str]:
    found = set()
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body:
        for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
            names = {word.arg: word.value for word in mark.keywords} if isinstance(mark, ast.Call) else {}
            found.add(names["name"].value if "name" in names else node.name)  # type: ignore[attr-defined]
    return found


def _check_pip(words: list[str], page: Path, here: Path, place: str) -> None:
    assert words[0] == "install", place
    rest = words[1:]
    if "-c" in rest:
        at = rest.index("-c")
        assert (ROOT / rest[at + 1]).is_file(), place
        del rest[at : at + 2]
    built = {"nox"}
    if rest[:2] == ["--find-links", "dist"]:  # what `nox -s wheels` lays there
        places = [ROOT, *(ROOT / "plugins").glob("rephase-*"), ROOT / "reproductions"]
        built |= {tomllib.loads((each / "pyproject.toml").read_text())["project"]["name"] for each in places}
        rest = rest[2:]
    for word in rest:
        name, _, extras = word.rstrip("]").partition("[")
        if name.startswith("."):
            folder = _found(name, page, here, place)
        elif name == "rephase":
            folder = ROOT
        else:
            assert name in built, f"{place}: nobody publishes {name!r}"
            continue
        known = tomllib.loads((folder / "pyproject.toml").read_text())["project"].get("optional-dependencies", {})
        assert set(filter(None, extras.split(","))) <= set(known), f"{place}: {word}"


def _without_marker(words: list[str], place: str) -> list[str]:
    """What is said to pytest after a marker, which is one of the project's own."""
    if words[0] != "-m":
        return words
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    known = {marker.partition(":")[0] for marker in settings["markers"]}
    assert words[1].removeprefix("not ") in known, f"{place}: {words[1]}"
    return words[2:]


def _check_python(words: list[str], page: Path, here: Path, place: str) -> None:
    if words[:2] == ["-m", "pytest"]:
        for word in _without_marker(words[2:], place):
            _found(word, page, here, place)
        return
    if words[0] == "-m":
        module = words[1].replace(".", "/")
        places = [f"{module}/__main__.py", f"{module}.py", f"src/{module}/__main__.py", f"src/{module}.py"]
        found = [ROOT / one for one in places if (ROOT / one).is_file()]
        assert found, f"{place}: there is no module {words[1]}"
        source, rest = found[0], words[2:]
    else:
        source, rest = _found(words[0], page, here, place), words[1:]
    text = source.read_text(encoding="utf-8")
    for word in rest:
        assert not word.startswith("-") or f'"{word}"' in text, f"{place}: {source.name} takes no {word}"


def _found(name: str, page: Path, here: Path, place: str) -> Path:
    folders = [page.parent] if name == "." else [here, ROOT, page.parent]
    found = [folder / name for folder in folders if (folder / name).exists()]
    assert found, f"{place}: there is no {name}"
    return found[0]


def _check_loosely(words: list[str], place: str) -> None:
    program, *rest = words
    if program == "rephase":
        if rest[0].isupper() or rest[0] in ("--help", "--version"):
            return
        known = {option for action in parser_of(_command(rest[0], place))._actions for option in action.option_strings}
        assert {word for word in rest[1:] if word.startswith("--")} <= known, place
    elif program == "nox":
        _check_nox(rest, place)
    elif program == "python":
        assert rest[0] == "-m" or (ROOT / rest[0]).is_file(), place
