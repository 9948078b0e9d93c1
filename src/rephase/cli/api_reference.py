"""The reference of the Python interface, made from docstrings: `nox -s pages` writes it, a test compares it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

__all__ = ["MODULES", "PAGE", "page"]

PAGE = "docs/reference/python.md"
"""Where the page lies in a checkout."""

MODULES = (
    "rephase.protocols",
    "rephase.plugins",
    "rephase.testing",
    "rephase.engine",
    "rephase.engine.networks",
    "rephase.engine.rewards",
    "rephase.environments",
    "rephase.judging",
    "rephase.manifest",
    "rephase.errors",
)
"""What may be built on; every other module may change without notice."""

_HEAD = """# Python interface

Written by `nox -s pages` from docstrings. This is what plugins and other programs may build on; changes of it are in
the changelog. Plugins use `rephase.protocols`, `rephase.plugins`, `rephase.engine`, `rephase.errors` and, in their
tests, `rephase.testing`. In shapes, `B` is rows, `T` steps, `S` the width of a state, `A` that of an action, `R` runs.
"""
_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_SECTIONS = ("Args", "Returns", "Raises", "Yields", "Attributes")


def page() -> str:
    """The page as Markdown; importing `rephase.engine` for it needs torch."""
    return "\n".join([_HEAD, *(_module(name) for name in MODULES)])


def _module(name: str) -> str:
    module = import_module(name)
    lines = [f"## {name}\n", f"{_text(inspect.cleandoc(module.__doc__ or '').partition(chr(10) * 2)[0])}\n"]
    for one in sorted(getattr(module, "__all__", ()), key=str.lower):
        thing = getattr(module, one)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            lines.append(_entry(one, thing))
    return "\n".join(lines)


def _entry(name: str, thing: Any) -> str:
    lines = [f"### {name}\n", f"`{_signature(name, thing)}`\n", *_described(thing)]
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        for own, method in sorted(vars(thing).items()):
            if not own.startswith("_") and inspect.isfunction(method) and method.__doc__:
                lines.append(f"- `{_signature(own, method)}`: {_first(method)}")
    return "\n".join([*lines, ""])


def _signature(name: str, thing: Any) -> str:
    """How it is called, without types and with plain defaults, so that every Python writes it alike."""
    if inspect.isclass(thing) and (issubclass(thing, Exception) or not _is_made(thing)):
        return f"class {name}"
    words, keyword_only = [], False
    for own, parameter in inspect.signature(thing).parameters.items():
        if own == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            words.append("*")
            keyword_only = True
        star = _STARS.get(parameter.kind, "")
        keyword_only = keyword_only or star == "*"
        words.append(f"{star}{own}{'' if parameter.default is parameter.empty else '=' + _default(parameter.default)}")
    return f"{name}({', '.join(words)})"


def _is_made(kind: type) -> bool:
    """Whether people make objects of it: an attrs class, or one with a constructor of its own."""
    return attrs.has(kind) or (
        inspect.isfunction(vars(kind).get("__init__")) and not getattr(kind, "_is_protocol", False)
    )


def _default(value: object) -> str:
    is_plain = value is None or (
        isinstance(value, (bool, int, float, str, tuple)) and type(value).__module__ == "builtins"
    )
    return repr(value) if is_plain else "..."


def _described(thing: Any) -> Iterator[str]:
    """A docstring as paragraphs, its sections as lists."""
    for block in re.split(r"\n\n", inspect.cleandoc(thing.__doc__ or "")):
        head, _, rest = block.partition("\n")
        if head.rstrip(":") in _SECTIONS and head.endswith(":"):
            yield f"{head.rstrip(':')}:\n"
            yield from (f"- {_text(item)}" for item in _items(rest))
            yield ""
        else:
            yield f"{_text(block)}\n"


def _items(text: str) -> list[str]:
    """The entries of a section: a line that is not indented further starts one."""
    lines = inspect.cleandoc(text).split("\n")
    found: list[str] = []
    for line in lines:
        if line.startswith(" ") and found:
            found[-1] += f" {line.strip()}"
        else:
            found.append(re.sub(r"^(\*{0,2}\w+): ", r"`\1`: ", line))
    return found


def _first(thing: Any) -> str:
    return _text(inspect.cleandoc(thing.__doc__ or "").partition("\n\n")[0])


def _text(words: str) -> str:
    """One line of Markdown: double backticks of docstrings become single ones."""
    pieces = " ".join(words.split()).replace("``", "`").split("`")
    return "`".join(piece if place % 2 else piece.replace("<", "&lt;") for place, piece in enumerate(pieces))


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(page(), encoding="utf-8")
