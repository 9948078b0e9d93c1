"""Every message on the page is one that the source prints, and the pages it sends a reader to exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
GAP = "\0"


def texts(tree: ast.AST) -> Iterator[str]:
    """The texts in a file, each f-string as one, with a gap for what is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)


def printed() -> list[str]:
    files = [*(ROOT / "src/rephase").rglob("*.py"), ROOT / "containers/locked.py"]
    return [text for file in files for text in texts(ast.parse(file.read_text(encoding="utf-8")))]


@pytest.fixture(scope="module")
def sources() -> list[str]:
    return printed()


def is_printed(message: str, sources: list[str]) -> bool:
    gap = f"(?:[^{GAP}]*{GAP})+[^{GAP}]*?"
    pattern = re.compile(gap.join(re.escape(part) for part in message.split("…")))
    return any(pattern.search(text) for text in sources)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_that_is_printed(message: str, sources: list[str]) -> None:
    assert is_printed(message, sources)


def test_a_message_that_nobody_prints_is_seen(sources: list[str]) -> None:
    assert not is_printed("the disk is purple", sources)
    assert not is_printed("the input is not there", sources)
    assert len(MESSAGES) >= 25


def test_the_pages_it_sends_a_reader_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs/how-to" / target).exists(), target
