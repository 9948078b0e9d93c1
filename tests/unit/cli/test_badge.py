"""Conditions of artifact badges, met and missed, in both forms."""


def test_text_and_json_list_the_same_conditions(runs, about_phase3, as_json):
    code, text, _ = about_phase3("badge")
    assert code == 0
    data = as_json("badge")
    for one in data["conditions"]:
        word = "met" if one["met"] else "missed"
        assert any(line.split(None, 1)[:1] == [word] and one["condition"] in line for line in text.splitlines())
    for name, met in data["badges"].items():
        assert f"{name}: {'conditions met' if met else 'missed'}\n" in text


def test_no_program_awards_a_badge(about_phase3):
    assert about_phase3("badge")[1].rstrip().endswith("this lists what they will look for.")
