"""Names in a log: which phase a table belongs to, and which configuration is meant where a log shortens its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rephase.judging.tables import Table, key_of

__all__ = ["UNNAMED", "meant", "mentioned", "name_of", "phase_of", "scale_of"]

UNNAMED = "log"
"""Phase of tables that stand under no heading that names one."""

_PHASE = re.compile(
    r"\b(phase|experiment|stage|study)[\s_-]*([0-9]+(?:\.[0-9]+)*)(?:-?([a-z]))?(?![a-z0-9])", re.IGNORECASE
)
_SCALE = re.compile(r"^([\w.-]+) at the (embedded|logged) scale\b", re.MULTILINE)


def phase_of(table: Table) -> str:
    """Return the phase a table belongs to.

    The innermost heading that names one decides; under ``Phase 6`` a heading ``6-A`` or ``6.1`` names a part of it.
    What `rephase log` writes below its heading names the phase, too.
    """
    if match := _SCALE.search(table.caption):
        return match[1].lower()
    phase, word, number = UNNAMED, "", ""
    for title in table.section:
        # Below a phase, a heading that only mentions another one is no heading of it.
        if match := (re.match(rf"\W*{_PHASE.pattern}", title, re.IGNORECASE) if number else _PHASE.search(title)):
            word, number = match[1].lower(), match[2]
            phase = f"{word}{number}{(match[3] or '').lower()}"
        elif number and (part := re.match(rf"\W*{re.escape(number)}(?:-?([a-z])|(\.[0-9]+))(?![a-z0-9])", title, re.I)):
            phase = f"{word}{number}{(part[1] or part[2]).lower()}"
    return phase


def scale_of(table: Table) -> str:
    """Return the scale that is named above a table; ``logged`` where none is."""
    match = _SCALE.search(table.caption)
    return match[2] if match else "logged"


def name_of(cell: str) -> str:
    """Return a name as records write it: small letters, hyphens for blanks and underscores."""
    return re.sub(r"[\s_]+", "-", cell.strip().lower())


def meant(cell: str, known: Iterable[str]) -> str:
    """Return the known name a cell means, such as ``pwm-48m-mt-flowpolicy`` by ``flow policy``; empty for none.

    Letters and digits of any script decide, so that spaces, hyphens and what stands in brackets do not. The longest
    name wins, and a shortened name must fit one known name only.
    """
    text = re.sub(r"\(.*?\)", "", cell)
    said = key_of(text) if re.search(r"\w", text) else ""
    if not said:
        return ""
    whole = [name for name in known if key_of(name) == said or _stands_in(name, text)]
    if whole:
        return max(whole, key=len)
    shortened = [name for name in known if said in key_of(name)]
    return shortened[0] if len(shortened) == 1 else ""


def mentioned(texts: Sequence[str], known: Iterable[str]) -> str:
    """Return the one known name the first of some texts that names any names; empty where none or several are named."""
    names = sorted(known, key=lambda name: -len(name))
    for text in texts:
        rest, found = text, []
        for name in names:
            if _stands_in(name, rest):
                found.append(name)
                rest = re.sub(_pattern(name), " ", rest, flags=re.IGNORECASE)
        if found:
            return found[0] if len(found) == 1 else ""
    return ""


def _stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text as words of its own."""
    return re.search(_pattern(name), text, re.IGNORECASE) is not None


def _pattern(name: str) -> str:
    parts = [re.escape(part) for part in re.split(r"[\W_]+", name) if part] or [re.escape(name)]
    return r"(?<![^\W_])" + r"[\W_]*".join(parts) + r"(?![^\W_])"
