"""An export goes where it was asked to go and has a date that is one."""


def test_a_crate_counts_its_runs_and_files(runs, about_phase3, as_json, tmp_path):
    data = as_json("export", "--to", tmp_path / "crate", "--date", "2026-01-31")
    assert data["runs"] == 12
    assert data["files"] == sum(path.is_file() for path in (tmp_path / "crate").rglob("*")) - 1
    assert "2026-01-31" in (tmp_path / "crate/ro-crate-metadata.json").read_text()


def test_what_is_no_date_is_refused_before_anything_is_written(runs, about_phase3, tmp_path):
    code, _, error = about_phase3("export", "--to", tmp_path / "crate", "--date", "yesterday")
    assert code == 2
    assert "--date: 'yesterday' is no date; write YYYY-MM-DD" in error
    assert not (tmp_path / "crate").exists()
