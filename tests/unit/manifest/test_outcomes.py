import json
import math

import pytest

from rephase.errors import ManifestError
from rephase.manifest.outcomes import (
    Digest,
    Evaluated,
    Outcome,
    RecordedOutcomes,
    SummaryRow,
    outcomes_text,
    read_outcomes,
    write_outcomes,
)

DIGESTS = (Digest(step=200, quantity="evaluation", digest="sha256:" + "0" * 64),)


def recorded(**changes):
    values = {
        "phase": "phase3",
        "scale": "embedded",
        "source": "reference execution",
        "provenance": {"machine": {"cores": 2}},
        "outcomes": [
            Outcome(
                config="baseline",
                task="reacher-easy",
                seed=42,
                reward=981.25,
                plan_reward=980.0,
                job="7_0",
                digests=DIGESTS,
                curve=(Evaluated(step=100, reward=512.5), Evaluated(step=200, reward=981.25)),
                predicted_return=990.0,
                update_seconds=0.125,
            ),
            Outcome(
                config="baseline", task="reacher-easy", seed=42, reward=900.0, source="log", episode_returns=[1.0, 2.5]
            ),
        ],
        "summary": [SummaryRow(config="baseline", task="reacher-easy", mean=981.25, spread=1.2, winner="tie")],
    }
    return RecordedOutcomes(**(values | changes))


def problems_of(tmp_path, text):
    path = tmp_path / "recorded.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as raised:
        read_outcomes(path)
    assert raised.value.exit_code == 2
    return str(raised.value).replace(f"{path}: ", "").splitlines()


def test_what_is_written_is_read_back_equal(tmp_path):
    path = tmp_path / "recorded.json"
    write_outcomes(path, recorded())
    assert read_outcomes(path) == recorded()
    assert outcomes_text(read_outcomes(path)) == path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["recorded.json"]


def test_only_rows_of_the_own_source_are_judged_against():
    assert [row.reward for row in recorded().judged] == [981.25]
    assert recorded().sources == ("reference execution", "log")


def test_every_problem_is_reported_at_once_with_its_path(tmp_path):
    tree = json.loads(outcomes_text(recorded()))
    tree["outcomes"][0]["rewrad"] = 1
    tree["outcomes"][0]["seed"] = 42.0
    tree["outcomes"][1]["reward"] = "900"
    tree["outcomes"][1]["episode_returns"] = [1, True]
    del tree["phase"]
    del tree["summary"][0]["mean"]
    assert sorted(problems_of(tmp_path, json.dumps(tree))) == [
        "outcomes[0].rewrad: unknown key; did you mean 'reward'?",
        "outcomes[0].seed: expected a whole number, found the number 42.0; write a whole number",
        "outcomes[1].episode_returns[1]: expected a number, found the boolean true; write a number",
        "outcomes[1].reward: expected a number, found text '900'; write it without quotes",
        "phase: missing key; add phase, a text",
        "summary[0].mean: missing key; add mean, a number",
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_none_is_refused(tmp_path, number):
    (problem,) = problems_of(
        tmp_path, outcomes_text(recorded()).replace('981.25,\n      "seed"', number + ',\n      "seed"')
    )
    assert problem.startswith("outcomes[0].reward: expected a finite number, found ")


def test_a_key_given_twice_is_refused(tmp_path):
    text = outcomes_text(recorded()).replace('"scale": "embedded"', '"scale": "logged",\n  "scale": "embedded"')
    assert problems_of(tmp_path, text) == ["scale: the key is given twice in one table; keep one of the two"]


def test_an_unknown_schema_is_refused_by_number(tmp_path):
    text = outcomes_text(recorded()).replace('"schema": 1', '"schema": 7')
    assert problems_of(tmp_path, text) == ["schema: version 7 is not known, expected 1; update rephase"]


def test_a_missing_schema_is_a_problem(tmp_path):
    text = outcomes_text(recorded()).replace('"schema": 1,', "")
    assert problems_of(tmp_path, text) == ["schema: missing key; add it; this version writes 1"]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_one_clear_problem(tmp_path, text):
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith("not JSON: ")


def test_a_list_is_no_file_of_outcomes(tmp_path):
    assert problems_of(tmp_path, "[]") == ["expected a table, found a list; write key = value pairs"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ManifestError) as raised:
        read_outcomes(tmp_path / "gone.json")
    assert str(raised.value) == f"{tmp_path / 'gone.json'}: cannot be read (No such file or directory); check the path"


def test_nothing_is_written_when_a_number_is_none(tmp_path):
    bad = recorded(outcomes=[Outcome(config="a", task="b", seed=1, reward=math.nan)])
    with pytest.raises(ManifestError) as raised:
        write_outcomes(tmp_path / "recorded.json", bad)
    expected = "recorded outcomes: outcomes[0].reward: nan cannot be recorded, expected a finite number; repeat the run"
    assert str(raised.value) == expected
    assert list(tmp_path.iterdir()) == []
