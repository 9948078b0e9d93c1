import json

import pytest

from rephase.cli.main import main
from rephase.report.badges import badge_conditions, badges_met


def by_name(project, store):
    return {condition.name: condition for condition in badge_conditions(project, store)}


def test_an_empty_folder_meets_next_to_nothing_and_says_how(tmp_path, partial):
    found = by_name(tmp_path, partial)
    assert not found["a licence"].is_met
    assert (found["a licence"].evidence, found["a licence"].remedy) == ("there is no LICENSE", "add one")
    assert found["exercisable: it was run here"].evidence == "7 of 18 runs complete"
    assert found["the outcomes come back"].evidence.startswith("NOTHING TO JUDGE YET: ")
    assert set(badges_met(tuple(found.values())).values()) == {False}


def test_what_files_show_is_met(tmp_path, whole):
    (tmp_path / "LICENSE").write_text("MIT License, with all the words that belong to it.\n" * 2)
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\ndoi: 10.5281/zenodo.1234567\n")
    found = by_name(tmp_path, whole)
    assert found["a licence"].is_met
    assert found["a permanent identifier in a public archive"].evidence == "CITATION.cff names 10.5281/zenodo.1234567"
    assert found["exercisable: it was run here"].is_met
    assert found["the outcomes come back"].evidence.startswith("PASS: ")
    badges = badges_met(tuple(found.values()))
    assert badges["Artifacts Available"]
    assert not badges["Results Reproduced"]  # nobody said who ran it
    assert not badges["Results Replicated"]


def test_pending_inputs_are_missed_until_the_lock_pins_them(tmp_path, whole):
    condition = by_name(tmp_path, whole)["consistent: every input pinned by digest"]
    pending = sorted(name for name, one in whole.phase.manifest.inputs.items() if one.pending)
    assert pending == ["mt30-store"]
    assert condition.evidence == f"no digest for {', '.join(pending)}"
    assert condition.remedy == "'rephase fetch' pins what is fetched, 'rephase import-dataset --phase' what is made"


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_lists_every_condition(partial, capsys, as_json):
    words = ["badge", str(partial.phase.file), "--runs", str(partial.folder.parent)]
    project = partial.phase.file.parents[2]
    assert main([*words, "--project", str(project), *(["--json"] if as_json else [])]) == 0
    out = capsys.readouterr().out
    conditions = badge_conditions(project, partial)
    if as_json:
        assert json.loads(out)["conditions"] == [condition.to_json() for condition in conditions]
    else:
        assert all(condition.name in out and condition.evidence in out for condition in conditions)
