"""What a phase means: configs, inputs, runs and recorded outcomes."""

from fakes.stores import ROOT


def test_a_phase_names_its_question_configs_inputs_and_record(about_phase3):
    code, text, _ = about_phase3("show")
    assert code == 0
    for words in ("question ", "config     baseline:", "world-model", "recorded outcomes (", "0-8"):
        assert words in text


def test_the_json_has_the_digests_and_every_run(as_json):
    data = as_json("show")
    assert len(data["runs"]) == 18
    assert data["runs"][0] == {"index": 0, "config": "baseline", "task": "reacher-easy", "seed": 42}
    assert data["manifest_digest"].startswith("sha256:")
    assert set(data["config_digests"]) == {"baseline", "flowpolicy"}
    assert data["pins"]["world-model"]["sha256"].startswith("sha256:")


def test_without_a_phase_they_are_listed_with_their_scales(command):
    code, text, _ = command("show", "--project", ROOT)
    assert code == 0
    assert any(line.split() == ["phase3", "embedded,", "logged"] for line in text.splitlines())
