"""Strict reading: nothing coerced, everything reported at once, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen, validators
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rephase.errors import ManifestError
from rephase.manifest.reading import read_toml, structure


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@frozen(kw_only=True)
class Inner:
    count: int = field(default=1, validator=validators.gt(0))
    ratio: float = 0.5


@frozen(kw_only=True)
class Outer:
    name: str
    on: bool = False
    colour: Colour = Colour.RED
    sizes: tuple[int, ...] = ()
    inner: Inner = field(factory=Inner)
    named: Mapping[str, Inner] = field(factory=dict)
    maybe: Inner | None = None
    anything: Mapping[str, Any] = field(factory=dict)


def problems(value: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        structure(value, Outer, "f.toml")
    return str(caught.value).splitlines()


def test_values_arrive_as_written() -> None:
    made = structure(
        {
            "name": "n",
            "colour": "green",
            "sizes": [1, 2],
            "inner": {"ratio": 2},
            "named": {"a-b": {"count": 3}},
            "anything": {"deep": [1, {"x": "y"}]},
        },
        Outer,
        "f.toml",
    )

    assert made.inner.ratio == 2.0
    assert isinstance(made.inner.ratio, float)
    assert made.colour is Colour.GREEN
    assert made.sizes == (1, 2)
    assert made.named["a-b"].count == 3
    assert made.maybe is None
    assert made.anything["deep"][1]["x"] == "y"
    with pytest.raises(TypeError):
        made.anything["new"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1", "f.toml: inner.count: expected a whole number, found text '1'; write it without quotes"),
        (1.9, "f.toml: inner.count: expected a whole number, found the number 1.9; write a whole number"),
        (True, "f.toml: inner.count: expected a whole number, found the boolean true; write a whole number"),
        ([1], "f.toml: inner.count: expected a whole number, found a list; write a whole number"),
        ({}, "f.toml: inner.count: expected a whole number, found a table; write a whole number"),
        (0, "f.toml: inner.count: 'count' must be > 0: 0"),
    ],
)
def test_a_whole_number_is_a_whole_number(value: Any, message: str) -> None:
    assert problems({"name": "n", "inner": {"count": value}}) == [message]


def test_all_problems_come_at_once_each_with_its_path() -> None:
    found = problems(
        {
            "nam": "n",
            "on": "yes",
            "colour": "gren",
            "sizes": [1, "2"],
            "inner": {"count": -1, "ratoi": 1, "ratio": True},
            "named": {"a-b": {"ratio": "x"}},
            "maybe": 3,
        }
    )

    assert found == [
        "f.toml: nam: unknown key; did you mean 'name'?",
        "f.toml: name: missing key; add name, a text",
        "f.toml: on: expected true or false, found text 'yes'; write true or false without quotes",
        "f.toml: colour: expected one of 'red', 'green', found text 'gren'; did you mean 'green'?",
        "f.toml: sizes[1]: expected a whole number, found text '2'; write it without quotes",
        "f.toml: inner.ratoi: unknown key; did you mean 'ratio'?",
        "f.toml: inner.ratio: expected a number, found the boolean true; write a number",
        "f.toml: inner.count: 'count' must be > 0: -1",
        "f.toml: named.a-b.ratio: expected a number, found text 'x'; write it without quotes",
        "f.toml: maybe: expected a table, found the whole number 3; write key = value pairs",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    [message] = problems({"name": "n", "inner": {"ratio": value}})

    assert (
        message == f"f.toml: inner.ratio: expected a finite number, found the number {value!r}; write a finite number"
    )


def test_the_way_to_a_part_of_a_file_is_kept() -> None:
    with pytest.raises(ManifestError) as caught:
        structure({"ratio": "x"}, Inner, "f.toml", "policy.settings")

    assert str(caught.value).startswith("f.toml: policy.settings.ratio: expected a number")


def test_files_that_are_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    with pytest.raises(ManifestError) as missing:
        read_toml(path, "m.toml")
    assert str(missing.value) == "m.toml: no such file; check the path that names it"
    path.write_text("a = 1\na = 2\n")
    with pytest.raises(ManifestError) as double:
        read_toml(path, "m.toml")
    assert str(double.value).startswith("m.toml: not TOML: Cannot overwrite a value (at line 2")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match="not TOML"):
        read_toml(path, "m.toml")


_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(["name", "on", "sizes", "inner", "named", "maybe", "x"]), _trees))
def test_whatever_stands_there_it_is_read_or_refused(tree: dict[str, Any]) -> None:
    try:
        made = structure(tree, Outer, "f.toml")
    except ManifestError as error:
        refused = error.problems
    else:
        refused = ()
        assert made.name == tree["name"]
    assert refused or "name" in tree


LIMITS = "write a number between -2^63 and 2^63 - 1, or one with a decimal point or exponent"


def test_whole_numbers_of_more_than_64_bits_are_named_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        f"largest = {2**63 - 1}\nsmallest = -{2**63}\nover = {2**63}\n"
        f"[algorithm]\nepochs = {'9' * 300}\n[configs.a]\nsizes = [1, -1, 0x{'f' * 5000}]\n"
    )

    with pytest.raises(ManifestError) as caught:
        read_toml(path, "m.toml")

    assert str(caught.value).splitlines() == [
        f"m.toml: over: expected a whole number of at most 64 bits, found one of 65; {LIMITS}",
        f"m.toml: algorithm.epochs: expected a whole number of at most 64 bits, found one of 998; {LIMITS}",
        f"m.toml: configs.a.sizes[2]: expected a whole number of at most 64 bits, found one of 20001; {LIMITS}",
    ]


def test_a_number_too_long_for_python_itself_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(f"schema = 1\nseeds = [{'1_1' * 5000}]\n")

    with pytest.raises(ManifestError) as caught:
        read_toml(path, "m.toml")

    assert str(caught.value) == (
        f"m.toml: expected whole numbers of at most 64 bits, found one of thousands of digits (at line 2); {LIMITS}"
    )
