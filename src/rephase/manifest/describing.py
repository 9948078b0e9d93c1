"""What may stand in a manifest or config file, derived from the classes that read it: keys for people and a schema.

Nothing is written by hand twice: types, defaults and bounds are those of the attrs classes, meanings are their
docstrings.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from inspect import cleandoc
from typing import Any

import attrs
from attrs import frozen

__all__ = ["Key", "DescribedTable", "json_schema", "tables"]

_PLAIN = {
    int: ("whole number", "integer"),
    float: ("number", "number"),
    str: ("text", "string"),
    bool: ("true or false", "boolean"),
}
_BOUNDS = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}
_DRAFT = "http://json-schema.org/draft-07/schema#"


@frozen
class Key:
    """One key of a table.

    Args:
        name: The key.
        type: What may stand there, in words.
        default: What holds where it is left out, as TOML; ``required`` where it may not be, empty for nothing.
        meaning: What it means.
    """

    name: str
    type: str
    default: str
    meaning: str


@frozen
class DescribedTable:
    """One table of a file.

    Args:
        path: Its header, with NAME where the author gives a name; empty for the top of the file.
        meaning: What it is about.
        keys: Its keys, in the order of the class; tables below it are tables of their own.
    """

    path: str
    meaning: str
    keys: tuple[Key, ...]


def tables(shape: type, path: str = "") -> Iterator[DescribedTable]:
    """The tables of a file, each before those below it.

    Args:
        shape: The attrs class that reads the file.
        path: Header of the table it reads.
    """
    hints, meanings = typing.get_type_hints(shape), _meanings(shape)
    keys, below = [], []
    for field in attrs.fields(shape):
        kind = _without_none(hints[field.name])
        inner, named = _table_of(kind)
        if inner is None:
            keys.append(Key(field.name, _words(kind), _default(field), meanings.get(field.name, "")))
        else:
            header = ".".join(filter(None, [path, field.name, "NAME" if named else ""]))
            below.append((inner, header))
    yield DescribedTable(path, cleandoc(shape.__doc__ or "").partition("\n")[0], tuple(keys))
    for inner, header in below:
        yield from tables(inner, header)


def json_schema(shape: type, title: str) -> dict[str, Any]:
    """The JSON Schema (draft 7) of a file.

    Args:
        shape: The attrs class that reads the file.
        title: What the file is.
    """
    definitions: dict[str, Any] = {}
    top = _object(shape, definitions)
    return {"$schema": _DRAFT, "title": title, **top, "definitions": dict(sorted(definitions.items()))}


def _object(shape: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints, meanings = typing.get_type_hints(shape), _meanings(shape)
    properties: dict[str, Any] = {}
    required = []
    for field in attrs.fields(shape):
        one = _schema(_without_none(hints[field.name]), definitions)
        about: dict[str, Any] = {"description": meanings.get(field.name, "")}
        if field.default is attrs.NOTHING:
            required.append(field.name)
        elif not isinstance(field.default, attrs.Factory) and field.default is not None:  # type: ignore[arg-type]
            about["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        if "$ref" in one:  # what stands beside a reference is not read, so it is wrapped
            one = {"allOf": [one]}
        properties[field.name] = one | dict(_bounds(field.validator)) | about
    summary = cleandoc(shape.__doc__ or "").partition("\n")[0]
    found = {"type": "object", "description": summary, "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return {"type": _PLAIN[kind][1]}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [str(one) for one in kind]}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if attrs.has(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # so that a class that holds itself ends
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/definitions/{kind.__name__}"}
    return {}


def _bounds(validator: Any) -> Iterator[tuple[str, Any]]:
    for one in getattr(validator, "_validators", [validator]):
        operator, options = getattr(one, "compare_op", ""), getattr(one, "options", None)
        if operator in _BOUNDS:
            yield _BOUNDS[operator], one.bound
        elif options is not None:
            yield "enum", list(options)


def _table_of(kind: Any) -> tuple[type | None, bool]:
    """The class of a table that stands here, and whether its author names it."""
    if typing.get_origin(kind) is not None and issubclass(typing.get_origin(kind), Mapping):
        [_, kind] = typing.get_args(kind)
        return (kind, True) if attrs.has(kind) else (None, False)
    return (kind, False) if attrs.has(kind) else (None, False)


def _words(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind][0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f'`"{one}"`' for one in kind)
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"table of {_words(arguments[1])}"
    return "any value"


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        [kind] = [one for one in typing.get_args(kind) if one is not type(None)]
    return kind


def _default(field: attrs.Attribute[Any]) -> str:
    value: Any = field.default
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return "`{}`"
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _meanings(shape: type) -> dict[str, str]:
    """What a class's docstring says of its arguments."""
    _, _, arguments = cleandoc(shape.__doc__ or "").partition("Args:\n")
    found: dict[str, str] = {}
    for line in re.split(r"\n    (?=\w+: )", "\n" + arguments.partition("\n\n")[0])[1:]:
        name, _, meaning = line.partition(": ")
        found[name.strip()] = " ".join(meaning.split()).replace("``", "`")
    return found
