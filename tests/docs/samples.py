"""Every code sample of the project, found where it stands: fences and spans of pages, literal blocks of docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["ROOT", "Sample", "commands", "indented_blocks", "pages", "samples", "spans"]

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_PROGRAMS = ("rephase", "nox", "python", "pip")
_LITERAL = re.compile(r"::\n\n(?P<text>(?:(?:[ ]+.*)?\n)+)")


@frozen
class Sample:
    """One sample.

    Args:
        place: File and line, from the root of the project.
        language: What its fence says; ``docstring`` for a literal block of a docstring.
        text: The sample.
    """

    place: str
    language: str
    text: str

    @property
    def file(self) -> Path:
        """The file it stands in."""
        return ROOT / self.place.rpartition(":")[0]


def pages() -> list[Path]:
    """The pages people read, tests' own descriptions of data included."""
    patterns = ["*.md", "docs/**/*.md", "plugins/*/*.md", "reproductions/**/*.md", "benchmarks/**/*.md"]
    patterns += ["containers/*.md", "tests/data/**/*.md"]
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def samples() -> list[Sample]:
    """Every fence of every page and every literal block of the packages' public docstrings."""
    found = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            found.append(Sample(_place(page, text, fence.start()), fence["language"], fence["text"]))
    for source in _sources():
        for line, docstring in _docstrings(source):
            for block in _LITERAL.finditer(docstring + "\n"):
                at = line + docstring[: block.start("text")].count("\n")
                text = textwrap.dedent(block["text"]).strip() + "\n"
                found.append(Sample(f"{source.relative_to(ROOT)}:{at}", "docstring", text))
    return found


def spans() -> list[Sample]:
    """Every command that stands within a sentence, in pages and docstrings."""
    texts = [(page, 1, _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), _read(page))) for page in pages()]
    texts += [(source, line, docstring) for source in _sources() for line, docstring in _docstrings(source)]
    found = []
    for file, line, text in texts:
        for span in _SPAN.finditer(text):
            words = " ".join(span[2].split())
            if words.startswith(tuple(f"{program} " for program in _PROGRAMS)):
                place = f"{file.relative_to(ROOT)}:{line + text[: span.start()].count(chr(10))}"
                found.append(Sample(place, "span", words))
    return found


def indented_blocks() -> list[str]:
    """Places of samples that are indented and not fenced, so that nobody knows their language."""
    found = []
    for page in pages():
        text = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), _read(page))
        for block in re.finditer(r"(?<=\n\n) {4}\S", text):
            before = text[: block.start()].rstrip().rpartition("\n")[2]
            if not re.match(r"\s*([-*]|\d+\.) |\s{2,}", before):  # those go on with a list
                found.append(_place(page, text, block.start()))
    return found


def commands(sample: Sample) -> list[list[str]]:
    """The command lines of a sample, as words; what they print, in a console, is left out."""
    typed = sample.text.replace("\\\n", " ").splitlines()
    if sample.language == "console":
        typed = [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]
    parts = [part for line in typed for part in line.split(" && ")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _place(file: Path, text: str, at: int) -> str:
    return f"{file.relative_to(ROOT)}:{text[:at].count(chr(10)) + 1}"


def _sources() -> list[Path]:
    return sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")])


def _docstrings(source: Path) -> Iterator[tuple[int, str]]:
    """Line and text of the docstrings of a module and its public classes and functions."""
    tree = ast.parse(_read(source))
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not ast.get_docstring(node):
            continue
        if isinstance(node, ast.Module) or not node.name.startswith("_"):
            yield node.body[0].lineno, inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
