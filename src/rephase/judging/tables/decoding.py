"""Bytes of a file as text, whatever editors left: byte order marks, UTF-16, old code pages, some of each in one file.

Lines are split where editors count them, at line feeds and carriage returns only, and never at the other separators
of Unicode, which may stand inside a cell.
"""

from __future__ import annotations

import codecs
import re

from rephase.judging.tables.table import Remark

__all__ = ["decode", "split_lines"]

_BREAK = re.compile(r"\r\n|\r|\n")
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, as an editor numbers them."""
    lines = _BREAK.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def decode(content: bytes) -> tuple[str, tuple[Remark, ...]]:
    """Return the text of a file.

    Args:
        content: Its bytes.

    Returns:
        The text, and a remark naming every line that is in another encoding than UTF-8 and what it was taken for.
    """
    if encoding := _wide(content):
        text = content.decode(encoding, errors="replace").removeprefix("\ufeff")
        return text, _replaced(text, f"{encoding.upper()}")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    parts: list[str] = []
    broken: list[int] = []
    number = 1
    for piece in re.split(rb"(\r\n|\r|\n)", content):
        try:
            parts.append(piece.decode("utf-8"))
        except UnicodeDecodeError:
            broken.append(number)
            parts.append(_mixed(piece))
        number += piece in (b"\r\n", b"\r", b"\n")
    problem = "bytes that are no UTF-8, read as Windows-1252"
    return "".join(parts), (Remark(lines=broken, problem=problem, remedy="save the file as UTF-8", is_loss=False),)


def _mixed(piece: bytes) -> str:
    """A line of which some bytes are UTF-8 and others are not: the former are kept."""
    text = ""
    while piece:
        try:
            return text + piece.decode("utf-8")
        except UnicodeDecodeError as error:
            text += piece[: error.start].decode("utf-8")
            text += piece[error.start : error.end].decode("cp1252", errors="replace")
            piece = piece[error.end :]
    return text


def _wide(content: bytes) -> str:
    for mark, encoding in _MARKS.items():  # four bytes before two: one begins with the other
        if content.startswith(mark):
            return encoding
    head = content[:400]
    if len(head) >= 4 and head.count(0) > len(head) // 3:  # Latin text in two bytes a letter, without a mark
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    return ""


def _replaced(text: str, encoding: str) -> tuple[Remark, ...]:
    broken = [number for number, line in enumerate(split_lines(text), 1) if "\ufffd" in line]
    problem = f"bytes that are no {encoding}"
    return (Remark(lines=broken, problem=problem, remedy="save the file as UTF-8", is_loss=False),) if broken else ()
