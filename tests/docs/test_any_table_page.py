"""The samples of "Your own log in five minutes", run as they stand there."""

import re
from pathlib import Path

from rephase.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/how-to/judge-any-table.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line.split()[2:] for line in re.findall(r"^\$ .*$", PAGE, re.MULTILINE)]


def test_every_command_of_the_page_runs_on_its_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recorded, rerun, curves = TABLES
    for name, text in {
        "recorded.csv": recorded,
        "rerun.csv": rerun,
        "results/hopper-hop.csv": curves,
        "again/hopper-hop.csv": curves.replace("402.1", "391.5"),
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    said = {}
    for words in COMMANDS:
        assert main(words) == 0, words
        said[" ".join(words[:2])] = " ".join(capsys.readouterr().out.split())
    assert list(said) == ["judge recorded.csv", "judge results", "plan recorded.csv"]
    assert "PASS: rerun.csv against recorded.csv: no shift shown in 2 cells" in said["judge recorded.csv"]
    assert "hopper-hop" in said["judge results"]
    assert "of 6 rows with steps the last of each of 3 runs counts: step 500,000" in said["judge results"]
    assert "value from 'eval/episode_reward'" in said["judge recorded.csv"]
    assert Path("verdict.html").is_file()
