"""What a log says of resources and inputs, and what a reader of its outcomes would need and does not find."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.tables import Reading, Table
from rephase.judging.tables.columns import word_of
from rephase.judging.tables.figures import plain_text
from rephase.manifest.outcomes import RecordedOutcomes

__all__ = ["audit_facts", "is_offer"]

_CHECKPOINT = re.compile(r"(?<![\w./-])[\w./-]+\.(?:pt|pth|ckpt|safetensors)\b")
_DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b", re.IGNORECASE)
_CHOICE = re.compile(r"\s*(?:\bor\b|/|,|\|)\s*")


def audit_facts(reading: Reading, recorded: Sequence[RecordedOutcomes], file: str) -> list[Finding]:
    """Look at what the outcomes of a log rest on.

    Args:
        reading: The log's tables and text.
        recorded: Its outcomes.
        file: What findings call it.
    """
    return [*_inputs(reading.text, file), *_hardware(reading.tables, recorded)]


def _inputs(text: str, file: str) -> list[Finding]:
    names = sorted({name.rpartition("/")[2] for name in _CHECKPOINT.findall(text)})
    if not names:
        return []
    digests = _DIGEST.findall(text)
    return [
        Finding(
            check="inputs",
            where=file,
            logged=", ".join(names),
            recomputed=f"{len(digests)} {'digest is' if len(digests) == 1 else 'digests are'} in the log",
            standing=Standing.AGREES if digests else Standing.MISSING,
            why="a file that is known by its name only can be replaced without anybody noticing",
        )
    ]


def _hardware(tables: Sequence[Table], recorded: Sequence[RecordedOutcomes]) -> list[Finding]:
    offered = [(table, place, kinds) for table in tables for place, kinds in _offers(table)]
    several = sorted({kind for _, _, kinds in offered for kind in kinds})
    if len(several) < 2:
        return []
    words = "; ".join(f"{place}: {' or '.join(kinds)}" for _, place, kinds in offered)
    findings = []
    for one in recorded:
        if len(one.outcomes) > 1 and not any(outcome.hardware for outcome in one.outcomes):
            findings.append(
                Finding(
                    check="hardware",
                    where=f"{one.phase}, {one.source}",
                    logged=words,
                    recomputed=f"none of {len(one.outcomes)} outcomes says which of them it was made on",
                    standing=Standing.MISSING,
                    why="a difference between methods that ran on different hardware may be the hardware's",
                )
            )
    return findings


def is_offer(table: Table) -> bool:
    """Return whether a table lists places to run and their hardware."""
    words = {word_of(cell) for cell in table.heading}
    return "gpu" in words and bool({"partition", "queue", "cluster"} & words)


def _offers(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Places to run with the hardware each has, where a table lists them."""
    words = [word_of(cell) for cell in table.heading]
    if not is_offer(table):
        return []
    at = words.index("gpu")
    place = next(words.index(word) for word in ("partition", "queue", "cluster") if word in words)
    rows = [row.cells for row in table.rows if len(row.cells) == len(table.heading)]
    return [(plain_text(cells[place]), tuple(filter(None, _CHOICE.split(plain_text(cells[at]))))) for cells in rows]
