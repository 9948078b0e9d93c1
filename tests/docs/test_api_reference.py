"""The reference of the Python interface is what docstrings say today."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from rephase.cli.api_reference import MODULES, PAGE, page

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.torch


def test_the_page_is_what_the_docstrings_say() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "write it again with: nox -s pages"


@pytest.mark.parametrize("name", MODULES)
def test_every_public_class_and_function_is_on_it(name: str) -> None:
    section = page().partition(f"## {name}\n")[2].partition("\n## ")[0]
    module = import_module(name)
    public = [
        one for one in module.__all__ if callable(getattr(module, one)) and hasattr(getattr(module, one), "__module__")
    ]

    assert [one for one in public if f"### {one}\n" not in section and not _is_alias(getattr(module, one))] == []


def test_arguments_defaults_and_errors_are_said() -> None:
    text = page()
    assert "`Bind(path, writable=False)`" in text
    assert "- `writable`: Whether the container may write there." in text
    assert "- `UsageError`: The path is relative or holds a comma, a colon or a control character." in text


def _is_alias(thing: object) -> bool:
    return not isinstance(thing, type) and not hasattr(thing, "__code__")
