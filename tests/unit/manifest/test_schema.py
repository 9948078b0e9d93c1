"""What a manifest may say, where it is read into its classes."""

from typing import Any

import pytest

from rephase.manifest.schema import Array, ConfigUse, Evaluation, Input, Planning


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Evaluation, {"episodes": 0}),
        (Evaluation, {"every": -1}),
        (Planning, {"samples": 4, "elites": 5}),
        (Planning, {"samples": 4, "policy_samples": 5, "elites": 1}),
        (Planning, {"temperature": 0.0}),
        (ConfigUse, {"file": "a.toml", "transitions": ("one", "one")}),
        (Input, {"path": "a", "sha256": "abc"}),
        (Input, {"path": "a", "sha256": "sha256:" + "0" * 64, "size": -1}),
        (Input, {"path": "a", "sha256": "sha256:" + "0" * 64, "repo_type": "space"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else next(iter(value)),
)
def test_what_may_not_be_is_refused(kind: type, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind(**wrong)


def test_an_input_is_pending_until_it_has_a_digest() -> None:
    assert Input(path="a", sha256="pending", repo="a/b", revision="c" * 40, filename="x").pending
    assert not Input(path="a", sha256="sha256:" + "0" * 64).pending


def test_an_array_counts_over_three_axes_each_once() -> None:
    assert len(Array(configs=("a",), order=("config", "task", "seed")).order) == 3
    with pytest.raises(ValueError, match="more than once"):
        Array(configs=("a",), order=("task", "task", "seed"))
