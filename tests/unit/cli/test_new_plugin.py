"""A plugin is written, and the commands that come next can be pasted."""

import shlex


def test_what_was_written_and_what_comes_next(command, tmp_path):
    code, text, _ = command("new-plugin", "ralston", "--kind", "integrator", "--into", tmp_path)
    assert code == 0
    lines = text.splitlines()
    assert lines[0].startswith("wrote ")
    folder = tmp_path / "rephase-ralston"
    assert shlex.split(lines[2]) == ["pip", "install", f"{folder}[test]"]
    assert shlex.split(lines[3]) == ["python", "-m", "pytest", f"{folder}/tests"]
    assert (folder / "pyproject.toml").is_file()


def test_a_relative_folder_is_told_from_a_distributions_name(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "pip install './rephase-ralston[test]'" in command("new-plugin", "ralston", "--kind", "policy")[1]


def test_a_kind_that_is_none_is_refused(command, tmp_path):
    code, _, error = command("new-plugin", "ralston", "--kind", "solver", "--into", tmp_path)
    assert code == 2
    assert "invalid choice: 'solver'" in error
    assert list(tmp_path.iterdir()) == []
