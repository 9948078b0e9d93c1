"""Records: what is written is read back, and a changed figure is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from rephase.errors import InvalidRecord
from rephase.manifest.hashing import bytes_digest, digest_of, plain
from rephase.manifest.lock import Lock, format_lock, read_lock
from rephase.manifest.outcomes import Evaluated
from rephase.manifest.record import CurvePoint, Record, format_record, read_record


def record() -> Record:
    return Record(
        phase="phase3",
        scale="embedded",
        config="baseline",
        task="walker-stand",
        seed=42,
        manifest_digest="sha256:" + "0" * 64,
        config_digest="sha256:" + "1" * 64,
        resolved={"a": [1, 2]},
        inputs={"world-model": "sha256:" + "2" * 64},
        reward=900.0,
        plan_reward=890.5,
        episode_returns=(899.0, 901.0),
        plan_episode_returns=(890.0, 891.0),
        curve=(CurvePoint(epoch=2, reward=900.0, episode_returns=(899.0, 901.0)),),
        metrics={"epoch": (1.0, 2.0), "actor_loss": (0.1, 0.2)},
        epochs=2,
        provenance={"machine": {"cpu": "a processor", "gpu": None}, "job": "12_4"},
    )


def fitting(before: str, after: str) -> str:
    """What is no record, with the digest that would fit it."""
    return f'{before}\n"digest":"{bytes_digest((before + after).encode())}",{after}'


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(format_record(record()))

    again = read_record(path)

    assert format_record(again) == path.read_text()
    assert again.outcome.run == ("baseline", "walker-stand", 42)
    assert (again.outcome.hardware, again.outcome.job) == ("a processor", "12_4")


def test_an_outcome_has_what_the_run_learned_promised_and_cost() -> None:
    points = (
        CurvePoint(epoch=1, reward=300.0, episode_returns=(300.0,)),
        CurvePoint(epoch=2, reward=900.0, episode_returns=(899.0, 901.0), predicted_return=950.0),
    )
    outcome = evolve(record(), curve=points, provenance={"update_seconds": 0.25}).outcome

    assert outcome.curve == (Evaluated(step=1, reward=300.0), Evaluated(step=2, reward=900.0))
    assert (outcome.predicted_return, outcome.update_seconds) == (950.0, 0.25)
    # A single evaluation is no curve, and who was never asked promises nothing.
    bare = record().outcome
    assert (bare.curve, bare.predicted_return, bare.update_seconds) == ((), None, None)


def test_digests_on_the_way_are_those_of_all_training_before() -> None:
    epochs = (1.0, 2.0, 2.0, 5.0)
    metrics = {"epoch": epochs, "actor_loss": (0.1, 1e-7, -0.0, 3.0), "critic_loss": (1e300, 2.5, 7.0, 1.0, 9.0)}
    curve = tuple(CurvePoint(epoch=epoch, reward=1.0, episode_returns=(float(epoch),)) for epoch in (0, 2, 5))

    found = evolve(record(), metrics=metrics, curve=curve).digests

    assert [one.digest for one in found if one.quantity == "training"] == [
        digest_of({name: list(column[:rows]) for name, column in metrics.items()}) for rows in (0, 3, 4)
    ]


def test_a_record_that_was_read_knows_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(format_record(record()))

    assert read_record(path).digest == record().digest == digest_of(record())
    assert evolve(read_record(path), attempt=2).digest == digest_of(evolve(record(), attempt=2))


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"  # as version 0.1 laid records out


@pytest.mark.parametrize("laid_out", [str, _indented], ids=["a line each", "indented"])
def test_layout_is_nothing_that_a_record_says(tmp_path: Path, laid_out: Callable[[str], str]) -> None:
    path = tmp_path / "record.json"
    named = evolve(record(), metrics={**record().metrics, 'a "name"}': (1e-7,)}, provenance={"command": 'x "y": [\n]'})
    for one in (record(), named):
        path.write_text(laid_out(format_record(one)))

        assert plain(read_record(path)) == plain(one)
        assert (read_record(path).digest, read_record(path).digests) == (one.digest, one.digests)

        path.write_text(path.read_text().replace("0.2", "0.3"))
        with pytest.raises(InvalidRecord, match="was changed after it was written"):
            read_record(path)


def test_a_changed_figure_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(format_record(record()).replace('"reward":900.0', '"reward":950.0', 1))

    with pytest.raises(InvalidRecord) as caught:
        read_record(path)

    assert str(caught.value) == (f"{path}: was changed after it was written; move its folder away and run it again")
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("[]", "is not a record"),
        ('{"schema": 2}', "has schema 2, this version reads schema 1"),
        ('{"schema": 1}', "was changed after it was written"),
        ('{"schema": 1, "metrics": 3}', "was changed after it was written"),
        ('{"schema": 1, "reward": NaN}', "has a number that is not finite"),
        ('{"schema": 1, "metrics": {"actor_loss": [Infinity]}}', "has a number that is not finite"),
        (fitting('{"metrics":3,', '"schema":1}'), "is not a record: phase: missing key"),
        (fitting("[1,", "2]"), "is not a record"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)

    with pytest.raises(InvalidRecord, match=problem):
        read_record(path)


def test_numbers_must_be_finite() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        format_record(evolve(record(), reward=float("nan")))


def test_a_lock_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    assert read_lock(path) is None
    lock = Lock(phase="p", scale="embedded", manifest_digest="d", configs={"a": "b"}, inputs={}, plugins={"x": "1"})
    path.write_text(format_lock(lock))
    assert read_lock(path) == lock
    path.write_text(json.dumps({"schema": 1}))
    with pytest.raises(InvalidRecord, match="is not a lock"):
        read_lock(path)
