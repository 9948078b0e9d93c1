"""What a class says of its fields becomes a page of tables and a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import jsonschema
import pytest
from attrs import field, frozen, validators

from rephase.manifest.describing import Key, json_schema, tables


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Inner:
    """One of the inner ones. And more.

    Args:
        rate: How fast,
            over two lines.
    """

    rate: float = field(default=0.5, validator=[validators.gt(0.0), validators.le(1.0)])


@frozen(kw_only=True)
class Outer:
    """The file.

    Args:
        name: Its ``name``.
        colour: Its colour.
        sizes: Sizes.
        limit: A limit.
        parts: The parts.
        main: The main one.
    """

    name: str
    colour: Colour = Colour.RED
    sizes: tuple[int, ...] = (1, 2)
    limit: int | None = None
    parts: Mapping[str, Inner] = field(factory=dict)
    main: Inner = field(factory=Inner)


def test_every_table_has_its_keys_with_type_default_and_meaning() -> None:
    top, parts, main = tables(Outer)
    assert (top.path, parts.path, main.path) == ("", "parts.NAME", "main")
    assert top.keys == (
        Key("name", "text", "required", "Its `name`."),
        Key("colour", '`"red"` or `"blue"`', '`"red"`', "Its colour."),
        Key("sizes", "list of whole number", "`[1, 2]`", "Sizes."),
        Key("limit", "whole number", "", "A limit."),
    )
    assert parts.meaning == "One of the inner ones. And more."
    assert main.keys == (Key("rate", "number", "`0.5`", "How fast, over two lines."),)


GOOD = {"name": "a", "colour": "blue", "parts": {"x": {"rate": 1.0}}}


def test_the_schema_takes_what_the_class_takes() -> None:
    schema = json_schema(Outer, "a file")
    jsonschema.validate(GOOD, schema)
    assert schema["properties"]["sizes"]["default"] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [{"colour": "green"}, {"parts": {"x": {"rate": 0.0}}}, {"parts": {"x": {"rate": 2}}}, {"nmae": "b"}, {"name": 3}],
)
def test_the_schema_refuses_what_the_class_refuses(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(GOOD | change, json_schema(Outer, "a file"))


def test_what_has_no_default_is_required() -> None:
    with pytest.raises(jsonschema.ValidationError, match="'name' is a required property"):
        jsonschema.validate({}, json_schema(Outer, "a file"))
