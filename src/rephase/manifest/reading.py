"""Strict reading of hand-written TOML into frozen attrs classes, through one cattrs converter.

Nothing is coerced: an int field refuses ``"1"``, ``1.9`` and ``true``; a float field also takes whole numbers. Unknown
keys are problems that name the nearest known key, a validator's own sentence is kept, and all problems of a file are
reported together, each as ``file: key.path: problem; remedy``. A whole number has 64 bits at most, as TOML promises.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

from rephase.errors import ManifestError, Problem
from rephase.manifest.hashing import SCALARS

__all__ = ["read_toml", "structure"]

T = TypeVar("T")
_Key = str | int
_Found = tuple[tuple[_Key, ...], str, str]
_FLOATS = frozenset({float})
_BITS = 64
_HALF = re.compile("[\ud800-\udfff]")
_THOUSANDS = re.compile(r"\d(?:_?\d){999}")
_TOO_DEEP = "is nested more deeply than anything here means"
_FLATTEN = "take out the brackets within brackets"
_SHORTER = f"write a number between -2^{_BITS - 1} and 2^{_BITS - 1} - 1, or one with a decimal point or exponent"


class _Wrong(Exception):
    """Problems found below one value, with the way to each."""

    def __init__(self, found: Iterable[_Found]) -> None:
        self.found = tuple(found)
        super().__init__(self.found)

    def below(self, key: _Key) -> list[_Found]:
        """The same problems seen from one level up."""
        return [((key, *path), problem, remedy) for path, problem, remedy in self.found]


def read_toml(path: Path, name: str = "") -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        name: What messages call it; the path itself when empty.

    Returns:
        Its tables as dictionaries.

    Raises:
        ManifestError: It is missing, unreadable or not TOML, or has whole numbers of more than 64 bits.
    """
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            document = tomllib.load(stream)
    except FileNotFoundError:
        raise ManifestError(name, [Problem("", "no such file", "check the path that names it")]) from None
    except RecursionError:
        raise ManifestError(name, [Problem("", _TOO_DEEP, _FLATTEN)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(name, [Problem("", f"not TOML: {error}", "fix the line it points to")]) from error
    except OSError as error:
        raise ManifestError(
            name, [Problem("", f"cannot be read: {error.strerror}", "check its permissions")]
        ) from error
    except ValueError as error:  # Python turns only so many digits into a number
        lines = path.read_text(encoding="utf-8").splitlines()
        line = next((at for at, text in enumerate(lines, 1) if _THOUSANDS.search(text)), "?")
        problem = f"expected whole numbers of at most {_BITS} bits, found one of thousands of digits (at line {line})"
        raise ManifestError(name, [Problem("", problem, _SHORTER)]) from error
    try:
        found = [Problem(_written(at), problem, _SHORTER) for at, problem in _too_large(document)]
    except RecursionError:
        raise ManifestError(name, [Problem("", _TOO_DEEP, _FLATTEN)]) from None
    if found:
        raise ManifestError(name, found)
    return document


def structure(value: Any, shape: type[T], file: str, at: str = "") -> T:
    """Turn what TOML or JSON gave into an object of ``shape``.

    Args:
        value: Dictionaries, lists and plain values.
        shape: A frozen attrs class.
        file: What messages call the file.
        at: Key path of ``value`` within the file, empty for the whole file.

    Returns:
        The object.

    Raises:
        ManifestError: With every problem found.
    """
    try:
        return _CONVERTER.structure(value, shape)
    except RecursionError:
        raise ManifestError(file, [Problem(at, _TOO_DEEP, _FLATTEN)]) from None
    except _Wrong as wrong:
        problems = [
            Problem(_written([*([at] if at else []), *path]), problem, remedy) for path, problem, remedy in wrong.found
        ]
        raise ManifestError(file, problems) from None


def _too_large(value: Any, at: tuple[_Key, ...] = ()) -> Iterable[tuple[tuple[_Key, ...], str]]:
    """Where a document has whole numbers that nothing could compute with, and what is there."""
    if isinstance(value, int) and not -(2 ** (_BITS - 1)) <= value < 2 ** (_BITS - 1):
        yield at, f"expected a whole number of at most {_BITS} bits, found one of {value.bit_length() + 1}"
    elif isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _too_large(inner, (*at, key))


def _written(path: Iterable[_Key]) -> str:
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text


def _wrong(problem: str, remedy: str = "") -> _Wrong:
    return _Wrong([((), problem, remedy)])


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    for kind, word in ((str, "text"), (int, "the whole number"), (float, "the number")):
        if isinstance(value, kind):
            return f"{word} {value!r}"
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, (list, tuple)) else repr(value)


def _expected(what: str, value: Any, remedy: str) -> _Wrong:
    if isinstance(value, str) and what.endswith("number"):
        remedy = "write it without quotes"
    return _wrong(f"expected {what}, found {_described(value)}", remedy)


def _int(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected("a whole number", value, "write a whole number")
    return value


def _float(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected("a number", value, "write a number")
    if not math.isfinite(value):
        raise _expected("a finite number", value, "write a finite number")
    return float(value)


def _bool(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise _expected("true or false", value, "write true or false without quotes")
    return value


def _str(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise _expected("text", value, "put it in quotes")
    if _HALF.search(value):  # JSON can say half a character, which no file can hold
        raise _wrong(f"expected text, found {value!a}, which is not Unicode", "write whole characters")
    return value


def _enum(value: Any, shape: type[Enum]) -> Enum:
    known = [str(member.value) for member in shape]
    if isinstance(value, str) and value in known:
        return shape(value)
    near = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    remedy = f"did you mean {near[0]!r}?" if near else "write one of them"
    raise _wrong(f"expected one of {', '.join(map(repr, known))}, found {_described(value)}", remedy)


def _tuple_hook(shape: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
    inner = typing.get_args(shape)[0]

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _expected("a list", value, "put it in square brackets")
        if inner is float and _FLOATS.issuperset(map(type, value)) and all(map(math.isfinite, value)):
            return tuple(value)  # what a record is full of
        return tuple(_collect((at, item, inner) for at, item in enumerate(value)).values())

    return hook


def _mapping_hook(shape: Any) -> Callable[[Any, Any], Mapping[str, Any]]:
    inner = (typing.get_args(shape) or (str, Any))[1]

    def hook(value: Any, _: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise _expected("a table", value, "write key = value pairs")
        return types.MappingProxyType(_collect((key, item, inner) for key, item in value.items()))

    return hook


def _optional_hook(shape: Any) -> Callable[[Any, Any], Any]:
    inner = next(kind for kind in typing.get_args(shape) if kind is not type(None))
    return lambda value, _: None if value is None else _hook(inner)(value, inner)


def _collect(items: Iterable[tuple[Any, Any, Any]]) -> dict[Any, Any]:
    """Structure every (key, value, shape), or raise the problems of all of them."""
    done, found = _sorted_out(items)
    if found:
        raise _Wrong(found)
    return done


def _sorted_out(items: Iterable[tuple[Any, Any, Any]]) -> tuple[dict[Any, Any], list[_Found]]:
    done: dict[Any, Any] = {}
    found: list[_Found] = []
    for key, value, shape in items:
        try:
            done[key] = _hook(shape)(value, shape)
        except _Wrong as wrong:
            found.extend(wrong.below(key))
    return done, found


@functools.cache
def _hook(shape: Any) -> Callable[[Any, Any], Any]:
    """What structures a shape; looked up once, because files of outcomes hold a million values of few shapes."""
    return (lambda value, _: _frozen(value)) if shape is Any else _CONVERTER.get_structure_hook(shape)


def _frozen(value: Any) -> Any:
    if type(value) in SCALARS:
        return value  # most of what is frozen
    if isinstance(value, Mapping):
        return types.MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _class_hook(shape: type[Any]) -> Callable[[Any, Any], Any]:
    attrs.resolve_types(shape)
    fields = {field.name: field for field in attrs.fields(shape) if field.init}
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    is_validated = any(field.validator is not None for field in fields.values())

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, shape):
            return value
        if not isinstance(value, Mapping):
            raise _expected("a table", value, "write key = value pairs")
        found: list[_Found] = [_unknown_key(key, fields) for key in value if key not in fields]
        found += [
            ((name,), "missing key", f"add {name}, {_noun(fields[name].type)}")
            for name in required
            if name not in value
        ]
        known, wrong = _sorted_out((name, item, fields[name].type) for name, item in value.items() if name in fields)
        found += wrong
        if is_validated:
            found += _refused(shape, known, fields, set(value))
        if found:
            raise _Wrong(found)
        return shape(**{fields[name].alias or name: item for name, item in known.items()})

    return hook


def _refused(
    shape: type[Any], known: Mapping[str, Any], fields: Mapping[str, attrs.Attribute[Any]], written: set[str]
) -> list[_Found]:
    # Validators run one by one on what is there, so that each problem is found and has the path of its own field.
    made = object.__new__(shape)
    for name, field in fields.items():
        if name in known:
            object.__setattr__(made, name, known[name])
        elif name not in written and field.default is not attrs.NOTHING:
            default: Any = field.default
            made_default = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
            object.__setattr__(made, name, made_default)
    found: list[_Found] = []
    for name, field in fields.items():
        if field.validator is None or not hasattr(made, name):
            continue
        try:
            field.validator(made, field, getattr(made, name))
        except (ValueError, TypeError) as error:
            sentence, _, remedy = str(error.args[0] if error.args else error).partition("; ")
            found.append(((name,), sentence, remedy))
        except AttributeError:
            # It compares with a field that is itself missing or wrong, which is reported already.
            if all(hasattr(made, other) for other in fields):
                raise
    return found


def _unknown_key(key: str, known: Iterable[str]) -> _Found:
    names = sorted(known)
    near = get_close_matches(key, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "known keys: " + (", ".join(names) or "none")
    return (key,), "unknown key", remedy


def _noun(shape: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if shape in words:
        return words[shape]
    return "a list" if _origin(shape) is tuple else "a table"


def _origin(shape: Any) -> Any:
    origin: Any = typing.get_origin(shape)
    return origin


def _is_optional(shape: Any) -> bool:
    return _origin(shape) in (typing.Union, types.UnionType) and type(None) in typing.get_args(shape)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    # Class hooks, because cattrs looks among those first and has its own coercing ones for these types there.
    for kind, hook in ((int, _int), (float, _float), (bool, _bool), (str, _str), (Enum, _enum), (StrEnum, _enum)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(lambda shape: _origin(shape) is tuple, _tuple_hook)
    converter.register_structure_hook_factory(lambda shape: _origin(shape) in (dict, Mapping), _mapping_hook)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    return converter


_CONVERTER = _make_converter()
