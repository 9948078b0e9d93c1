"""What computes here: versions of the libraries, the instructions they use, and how two executions differ in them.

Two executions that differ in their bits differ in something. What is looked at is what decides how numbers are
rounded: libraries, plugins, the CPU and the instruction sets that torch, MKL and numpy take on it. Loads numpy and
torch only where `instructions` is asked.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rephase.judging import Origin

__all__ = ["COMPUTING", "differing_origins", "instructions", "software"]

COMPUTING = ("torch", "numpy", "scipy", "mujoco", "dm-control", "gymnasium")
"""Distributions, plugins apart, whose versions can change a number."""

_SETTINGS = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
)


def software() -> dict[str, str]:
    """Version of each distribution that computes; those that are not installed are left out."""
    found = {}
    for name in COMPUTING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def instructions() -> dict[str, str]:
    """The instruction sets that torch and numpy use on this CPU, MKL's version, and what was set from outside.

    Returns:
        Plain values by name, such as ``torch`` -> ``AVX512``; what is not installed or not said is left out.
    """
    found = {name: os.environ[name] for name in _SETTINGS if os.environ.get(name)}
    try:
        import torch
    except ImportError:
        return found
    import numpy as np

    found["torch"] = torch.backends.cpu.get_cpu_capability()
    if mkl := re.search(r"oneAPI Math Kernel Library Version (\S+)", torch.__config__.show()):
        found["mkl"] = mkl[1].removesuffix("-Product")
    shown: Any = np.show_config(mode="dicts")
    extensions = shown.get("SIMD Extensions", {}) if isinstance(shown, dict) else {}
    found["numpy"] = " ".join([*extensions.get("baseline", ()), *extensions.get("found", ())])
    return {name: value for name, value in found.items() if value}


def differing_origins(recorded: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> tuple[Origin, ...]:
    """In what the machines and software of a record and of runs differ.

    Args:
        recorded: Provenance of the record.
        runs: Provenance of each run.

    Returns:
        One entry for each thing that both name and that differs; where runs disagree the most frequent counts.
    """
    before = _described(recorded)
    counts: dict[str, Counter[str]] = {}
    for one in runs:
        for name, value in _described(one).items():
            counts.setdefault(name, Counter())[value] += 1
    after = {name: values.most_common(1)[0][0] for name, values in counts.items()}
    names = [name for name in before if name in after and before[name] != after[name]]
    return tuple(Origin(name=name, recorded=before[name], reproduced=after[name]) for name in names)


def _described(provenance: Mapping[str, Any]) -> dict[str, str]:
    """What decides how numbers are rounded, by name, the machine first."""
    machine = _table(provenance.get("machine"))
    gpu = _table(machine.get("gpu"))
    used = _table(provenance.get("arithmetic")).get("used")
    described: dict[str, Any] = {"CPU": machine.get("cpu"), "GPU": gpu.get("name"), "arithmetic": used}
    described |= {f"instructions of {name}": value for name, value in _table(provenance.get("instructions")).items()}
    described |= {"torch": machine.get("torch"), "threads": machine.get("threads"), "python": machine.get("python")}
    described |= _table(provenance.get("software")) | _table(provenance.get("plugins"))
    described |= {"image": str(machine.get("image", ""))[:19], "rephase": _table(provenance.get("code")).get("version")}
    return {name: str(value) for name, value in described.items() if value}


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
