"""Two sides of a comparison, their settings first, their cells and one sentence."""

from fakes.stores import ROOT


def test_settings_that_differ_stand_before_the_cells_and_one_sentence_ends_it(command):
    code, text, _ = command(
        "compare", "phase3@logged:baseline", "phase3@logged:flowpolicy", "--recorded", "--project", ROOT
    )
    assert code == 0
    assert text.index("settings that differ:") < text.index("reacher-easy")
    assert text.rstrip().rpartition("\n\n")[2].startswith(("outcomes differ:", "no difference of outcomes is shown;"))


def test_a_side_has_a_phase_and_a_scale(command):
    for name in ("phase3@large", "@logged", ":baseline"):
        code, _, error = command("compare", name, "phase3", "--project", ROOT)
        assert code == 2
        assert f"found {name!r}; write for example phase3@logged:baseline" in error


def test_a_folder_without_runs_names_the_command_that_makes_them(command, tmp_path):
    words = ["compare", "phase3@logged", "phase3@logged", "--against-runs", tmp_path, "--project", ROOT]
    code, _, error = command(*words)
    assert code == 2
    assert f"'rephase run phase3 --scale logged --runs {tmp_path}' makes them" in error


def test_a_phase_compared_with_its_own_runs_elsewhere_is_equal(runs, command):
    words = ["compare", "phase3@logged", "phase3@logged", "--runs", runs, "--against-runs", runs, "--project", ROOT]
    code, text, _ = command(*words)
    assert code == 0
    assert "no setting differs" in text
    assert "no difference of outcomes is shown" in " ".join(text.split())
