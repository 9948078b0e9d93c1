"""What the log's phases are as this version ships them, so that an edited or derived manifest never passes for one.

``shipped.json`` beside this file holds everything that can change a number of each logged phase. It is written by
``python -m rephase.manifest.shipped PROJECT`` and held against the manifests by a test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rephase.manifest.phase import Phase
from rephase.manifest.schema import Scale

__all__ = ["about", "differences", "read_shipped", "write_shipped"]

_FILE = Path(__file__).with_name("shipped.json")
_SHOWN = 3
_ABSENT = object()


@cache
def read_shipped() -> Mapping[str, Mapping[str, Any]]:
    """Everything pinned of each logged phase, by its name."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def about(phase: Phase) -> str:
    """What a phase is, in a few words: what the log ran, or in what it differs from that.

    Args:
        phase: The phase; where its manifest says itself what it is not, that is said.
    """
    if phase.manifest.not_this:
        return phase.manifest.not_this
    base = _base(phase)
    if base is None:
        return "a phase of its own: the log ran none of this name"
    found = differences(phase, base)
    if not found:
        return "exactly what the log ran"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"NOT what the log ran as {base}: {'; '.join(found[:_SHOWN])}{more}"


def differences(phase: Phase, base: str) -> list[str]:
    """In what a phase differs from a shipped one, one sentence a value.

    Args:
        phase: The phase.
        base: Name of the shipped phase.
    """
    shipped, own = dict(_leaves(read_shipped()[base])), dict(_leaves(phase.pinned))
    if phase.manifest.phase != base:
        kept = tuple(f"configs.{name}." for name in phase.configs)  # leaving configs out changes none that is kept
        shipped = {at: value for at, value in shipped.items() if not at.startswith("configs.") or at.startswith(kept)}
        own.pop("phase", None)
        shipped.pop("phase", None)
    return [
        f"{at} is {_shown(own.get(at, _ABSENT))}, not {_shown(shipped.get(at, _ABSENT))}"
        for at in sorted({**shipped, **own})
        if own.get(at, _ABSENT) != shipped.get(at, _ABSENT)
    ]


def write_shipped(project: Path) -> None:
    """Write `read_shipped`'s file from the manifests of a project."""
    from rephase.manifest.files import read_phase

    found = {path.parent.name: read_phase(path).pinned for path in (project / "reproductions").glob("*/logged.toml")}
    _FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _base(phase: Phase) -> str | None:
    """The shipped phase this one is or was derived from: that of its name, else the one it is judged by."""
    if phase.manifest.scale is not Scale.LOGGED:
        return None
    names = (phase.manifest.phase, Path(phase.manifest.recorded).parent.name)
    return next((name for name in names if name in read_shipped()), None)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no table, by its dotted path."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{at}.{key}" if at else str(key))
    else:
        yield at, value


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)


if __name__ == "__main__":
    write_shipped(Path(sys.argv[1]))
