"""`rephase judge` and `rephase plan` in an empty folder, without torch or plugins, and the fixture `came_back`."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rephase.cli.main import main

pytest_plugins = ["pytester"]

BLOCK = "import sys\nfor name in ('torch', 'dm_control', 'mujoco', 'matplotlib', 'pluggy'): sys.modules[name] = None\n"


def write(path: Path, seed: int, collapsed: bool = False) -> Path:
    draw = random.Random(seed)
    lines = ["algo,env,seed,return"]
    for method, lead in (("sac", 1.0), ("ppo", 0.8)):
        for task in range(4):
            for run in range(5):
                value = lead * (300 + 100 * task) * draw.gauss(1, 0.03) * (0.3 if collapsed and task == 2 else 1)
                lines.append(f"{method},task-{task},{run},{value:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "recorded.csv", 1)
    write(tmp_path / "rerun.csv", 32)
    write(tmp_path / "collapsed.csv", 3, collapsed=True)
    return tmp_path


def test_a_verdict_needs_neither_torch_nor_a_checkout(here):
    words = ["judge", "recorded.csv", "rerun.csv", "--report", "page/out.html"]
    script = f"{BLOCK}from rephase.cli.main import main\nraise SystemExit(main({words!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=here)
    assert (done.returncode, done.stderr) == (0, "rephase: wrote page/out.html\n")
    assert done.stdout.splitlines()[-2:][0].startswith(
        "PASS: rerun.csv against recorded.csv: no shift shown in 8 cells"
    )
    page = (here / "page/out.html").read_text()
    assert "PASS" in page
    assert "<script src" not in page


def test_exit_codes_and_json_are_those_of_a_phase(here, capsys):
    assert main(["judge", "recorded.csv", "collapsed.csv", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["decision"], data["exit_code"], len(data["cells"])) == ("FAIL", 1, 8)
    assert main(["judge", "recorded.csv", "rerun.csv", "--value", "retrun"]) == 2
    assert "unknown column 'retrun'; did you mean 'return'?" in capsys.readouterr().err
    assert main(["judge", "-", "-"]) == 2
    assert main(["judge", "recorded.csv", "gone.csv"]) == 2
    assert "gone.csv: cannot be read (No such file or directory)" in capsys.readouterr().err


def test_a_side_may_come_by_standard_input(here):
    words = [sys.executable, "-m", "rephase", "judge", "recorded.csv", "-"]
    content = (here / "rerun.csv").read_bytes()
    done = subprocess.run(words, input=content, capture_output=True, check=False, cwd=here, env=dict(os.environ))
    assert done.returncode == 0
    assert b"PASS: standard input against recorded.csv" in done.stdout


def test_a_plan_is_made_from_the_record_alone(here, capsys):
    assert main(["plan", "recorded.csv", "--shift", "60", "--seeds", "3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["cells"]) == 8
    assert data["seeds"] == max(cell["needed"] for cell in data["cells"])
    assert main(["plan", "recorded.csv", "--shift", "0.1"]) == 2


def test_the_fixture_fails_a_test_whose_rerun_did_not_come_back(pytester):
    write(pytester.path / "recorded.csv", 1)
    write(pytester.path / "rerun.csv", 32)
    write(pytester.path / "collapsed.csv", 3, collapsed=True)
    pytester.makepyfile(
        """
        def test_came_back(came_back):
            assert came_back("recorded.csv", "rerun.csv", returns=(0, 1000)).exit_code == 0

        def test_collapsed(came_back):
            came_back("recorded.csv", "collapsed.csv", or_inconclusive=True)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAIL: collapsed.csv against recorded.csv*"])
