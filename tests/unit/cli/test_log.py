"""What is in the folders, as the log's own Markdown tables."""


def test_completed_runs_are_rows_and_the_others_say_their_state(runs, about_phase3, as_json):
    code, text, _ = about_phase3("log")
    assert code == 0
    assert text.startswith("## ")
    assert "(12 of 18 COMPLETED)" in text.splitlines()[0]
    data = as_json("log")
    assert len(data["outcomes"]) == 12
    assert [row["State"] for row in data["unfinished"]] == ["FAILED"] + ["-"] * 5


def test_recorded_outcomes_are_the_logs(as_json):
    data = as_json("log", "--recorded")
    assert len(data["outcomes"]) == 18
    assert data["unfinished"] == []
    assert data["outcomes"][0]["Task"] == "reacher-easy"
