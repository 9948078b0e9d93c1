"""``rephase vectors``: recompute reference files here and say how far each quantity is off."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rephase.cli.rendering import emit, table
from rephase.manifest.vectors import Check

__all__ = ["configure", "run"]

_DEVIATES = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of reference files (.npz)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="type to compute in")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")
    parser.add_argument("--all", action="store_true", help="one line for every quantity, not for every file")


def run(arguments: argparse.Namespace) -> int:
    """Recompute every file of the folder.

    Returns:
        0, or 1 when any quantity is outside its tolerance or could not be compared.
    """
    from rephase.vectors import check_folder

    checks = check_folder(arguments.folder, arguments.dtype, arguments.device)
    files: dict[str, list[Check]] = {}
    for check in checks:
        files.setdefault(check.file, []).append(check)
    failed = [check for check in checks if not check.ok]
    data = {
        "checks": [_data(check) for check in checks],
        "device": arguments.device,
        "dtype": arguments.dtype,
        "failed": len(failed),
        "files": [_summary(name, group) for name, group in files.items()],
        "ok": not failed,
        "quantities": len(checks),
    }
    lines = [_every(checks) if arguments.all else _by_file(files)]
    lines += [f"failed: {_sentence(check)}" for check in failed]
    counts = f"{len(files)} {_plural('file', len(files))}, {len(checks)} {_plural('quantity', len(checks))}"
    state = f"{len(failed)} outside the tolerance" if failed else "all within the tolerance"
    lines.append(f"{counts} in {arguments.dtype} on {arguments.device}: {state}")
    emit(arguments, data, "\n".join(lines))
    return _DEVIATES if failed else 0


def _by_file(files: Mapping[str, Sequence[Check]]) -> str:
    rows = []
    for name, checks in files.items():
        worst = _worst(checks)
        state = "ok" if all(check.ok for check in checks) else "failed"
        rows.append([state, name, str(len(checks)), _number(worst.max_abs), _number(worst.max_rel), worst.quantity])
    return table(["State", "File", "Quantities", "Abs", "Rel", "Worst quantity"], rows, numbers=(2, 3, 4))


def _every(checks: Sequence[Check]) -> str:
    rows = [
        [
            "ok" if check.ok else "failed",
            check.file,
            check.quantity,
            _number(check.max_abs),
            _number(check.max_rel),
            _number(check.tolerance),
        ]
        for check in checks
    ]
    return table(["State", "File", "Quantity", "Abs", "Rel", "Tolerance"], rows, numbers=(3, 4, 5))


def _worst(checks: Sequence[Check]) -> Check:
    """The check nearest to failing, or furthest beyond; tolerances of 0 count by the plain difference."""

    def badness(check: Check) -> tuple[bool, float]:
        off = check.max_rel / check.tolerance if check.tolerance > 0 else check.max_abs
        return (not check.ok, off if math.isfinite(off) else math.inf)

    return max(checks, key=badness)


def _sentence(check: Check) -> str:
    if not (math.isfinite(check.max_abs) and math.isfinite(check.max_rel)):
        return f"{check.file}: {check.quantity}: not computed here, of another shape, or not finite"
    return (
        f"{check.file}: {check.quantity}: off by {_number(check.max_abs)}, relatively {_number(check.max_rel)}; "
        f"tolerance {_number(check.tolerance)}"
    )


def _summary(name: str, checks: Sequence[Check]) -> dict[str, object]:
    return {
        "failed": sum(not check.ok for check in checks),
        "file": name,
        "ok": all(check.ok for check in checks),
        "quantities": len(checks),
        "worst": _data(_worst(checks)),
    }


def _data(check: Check) -> dict[str, object]:
    return {
        "file": check.file,
        "max_abs": _finite(check.max_abs),
        "max_rel": _finite(check.max_rel),
        "ok": check.ok,
        "quantity": check.quantity,
        "tolerance": check.tolerance,
    }


def _finite(value: float) -> float | None:
    """JSON knows neither infinity nor NaN."""
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "-"


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return word[:-1] + "ies" if word.endswith("y") else word + "s"
