from pathlib import Path

from rephase.cli.main import main

ROOT = Path(__file__).parents[3]


def test_an_extension_is_listed_only_for_an_open_phase(tmp_path, capsys):
    words = ["check", "phase3", "--scale", "logged", "--project", str(ROOT), "--runs", str(tmp_path), "--extend"]
    assert main(words) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "nothing to extend: only an INCONCLUSIVE phase is given its declared fresh seeds, and only once"
