"""One cell of a table as a figure: a number, a mean with its spread, or the reason why it is neither.

What a cell says is kept and never repaired: a cell that could be meant in two ways is not read.
"""

from __future__ import annotations

import math
import re

from attrs import frozen

__all__ = ["Figure", "figure", "is_empty", "number", "plain_text"]

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?=\.)|\d{1,300})(?:\.\d{0,300})?|\.\d{1,300}"
_UNSIGNED = rf"(?:{_DIGITS})(?:[eE][-+]?\d{{1,4}})?"
_NUMBER = rf"[-+]?(?:{_UNSIGNED})"
_SIGN = (
    r"\s*(?:"
    r"\$?\\pm\$?|&plusmn;|&\#177;|&\#xb1;"
    r"|\(?\+\s?/?\s?-\)?"
    r"|[^\x00-\x7f]{0,7}\u00b1"  # with what wrong encodings put before it
    r"|\ufffd{1,3}|\?|\u252c\u2592|\u00ac\u00b1"
    r")\s*"
)
_COUNT = re.compile(r"\s*[\[(]\s*(?:[nN]\s*=\s*(\d{1,6})|(\d{1,6})\s*(?:seeds?|runs?|trials?))\s*[\])]\s*$")
_KIND = re.compile(
    r"\s*\(?\s*(std\.?|sd|stdev|standard deviation|sem|se|s\.e\.|standard error|std\.? err(?:or)?|(?:95%?\s*)?ci)"
    r"\s*\)?\s*$",
    re.IGNORECASE,
)
_SPREAD = re.compile(rf"({_NUMBER}){_SIGN}({_UNSIGNED})\s*%?")
_LONE = re.compile(rf"({_NUMBER}){_SIGN}[-\u2013\u2014]")
_BRACKETED = re.compile(rf"({_NUMBER})\s*\(\s*({_UNSIGNED})\s*\)")
_PLAIN = re.compile(rf"({_NUMBER})\s*%?")
_MARKS = re.compile(r"[`]|\*\*?(?=\S)|(?<=\S)\*\*?|^_+|_+$|[\u2020\u2021\u00a7]$")
_NOTHING = {"", "-", "--", "---", "n/a", "na", "none", "null", "tbd", "?", "\u2013", "\u2014", "...", "\u2026", "."}
_STATES = {"queued", "running", "pending", "failed", "waiting", "submitted", "cancelled", "canceled", "timeout", "todo"}


@frozen(kw_only=True)
class Figure:
    """What a cell says.

    Args:
        value: The number, or the mean.
        spread: The spread beside it, whatever it may be; None where there is none.
        kind: What the spread is said to be: ``sd``, ``se``, ``ci`` or empty.
        count: Number of seeds it says it is of; None where it does not say.
        decimals: Decimals of the spread, or else of the value.
        is_comma: Whether a decimal comma was read as a point.
    """

    value: float
    spread: float | None = None
    kind: str = ""
    count: int | None = None
    decimals: int = 0
    is_comma: bool = False


def plain_text(cell: str) -> str:
    """Return a cell without the marks of bold, italics and code."""
    return _MARKS.sub("", cell.strip()).strip()


def is_empty(cell: str) -> bool:
    """Return whether a cell says that there is no figure yet: nothing, a dash, or a state such as QUEUED."""
    word = plain_text(cell).casefold()
    return word in _NOTHING or word.strip("()[]* ").split(" ")[0].rstrip(":,") in _STATES


def number(cell: str) -> float | str:
    """Return the finite number a cell is, or why it is none, as words that follow the cell."""
    found = figure(cell)
    if isinstance(found, str):
        return found
    if found.spread is not None:
        return "expected one number, found one with a spread"
    return found.value


def figure(cell: str) -> Figure | str:
    """Return what a cell says, or why it says nothing that can be computed with.

    Args:
        cell: The cell, such as ``957.72 ± 27.5 (n=3)``.
    """
    if "~~" in cell:
        return "struck out, so it does not count"
    text = plain_text(cell).replace("\u2212", "-").replace("\u00a0", " ").replace("\u202f", " ")
    text = " ".join(text.split())
    count = None
    if match := _COUNT.search(text):
        count, text = int(match[1] or match[2]), text[: match.start()].strip()
    kind = ""
    if (match := _KIND.search(text)) and match.start():
        kind, text = _kind(match[1]), text[: match.start()].strip()
    return _read(text, kind, count)


def _read(text: str, kind: str, count: int | None) -> Figure | str:
    is_comma = False
    if re.search(r"\d,\d", text) and "." not in text:
        if re.search(r"(?<!\d)\d{1,3},\d{3}(?!\d)", text):
            return "a comma that may be a decimal one or part of thousands"
        text, is_comma = re.sub(r"(?<=\d),(?=\d)", ".", text), True
    match = _SPREAD.fullmatch(text) or _BRACKETED.fullmatch(text) or _LONE.fullmatch(text) or _PLAIN.fullmatch(text)
    if match is None:
        return _why(text)
    parts = [part.replace(",", "") for part in match.groups()]
    values = [float(part) for part in parts]
    if not all(map(math.isfinite, values)):
        return "expected a finite number"
    decimals = len(parts[-1].lower().partition("e")[0].partition(".")[2])
    spread = values[1] if len(values) > 1 else None
    return Figure(value=values[0], spread=spread, kind=kind, count=count, decimals=decimals, is_comma=is_comma)


def _why(text: str) -> str:
    low = text.casefold()
    if re.search(r"(?<![a-z])(?:nan|inf|infinity)(?![a-z])", low) or "\u221e" in low:
        return "expected a finite number"
    if re.fullmatch(r"[\[(].*[\])]", text):
        return "a figure in brackets, which may be negative, doubtful or a spread"
    if re.match(r"[~\u2248<>\u2264\u2265]", text):
        return "an estimate or a bound, expected a number"
    if len(re.findall(rf"(?<![\w.]){_NUMBER}(?![\w.])", text)) > 1:
        return "several numbers that are no mean and spread, such as a range or a change"
    return "expected a number"


def _kind(word: str) -> str:
    low = word.casefold()
    if "ci" in low:
        return "ci"
    return "se" if "err" in low or low in ("se", "sem", "s.e.") else "sd"
