"""Where a record comes from: code, plugins, machine and job, as plain values for the record."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rephase
from rephase.manifest import Phase
from rephase.manifest.hashing import digest_of, file_digest
from rephase.manifest.lock import Lock
from rephase.plugins.sources import Source
from rephase.reproduction.software import instructions, software
from rephase.runtime.machine import describe_machine, image_digest, job_label

__all__ = ["code_digest", "make_lock", "provenance"]


def code_digest() -> str:
    """Digest of the installed package's Python files, by name and content."""
    root = Path(rephase.__file__).parent
    return digest_of({str(path.relative_to(root)): file_digest(path) for path in sorted(root.rglob("*.py"))})


def provenance(sources: Iterable[Source], project: Path) -> dict[str, Any]:
    """Everything about this process that a reader of a record may want to know.

    Args:
        sources: The plugins in use.
        project: Folder of the project, for the commit its files are at.

    Returns:
        Plain values: ``code``, ``plugins``, ``software``, ``instructions``, ``machine`` and ``job``.
    """
    machine = describe_machine()
    return {
        "code": {"version": rephase.__version__, "digest": code_digest(), "commit": _commit(project)},
        "plugins": {source.distribution: source.version for source in sources},
        "software": software(),
        "instructions": instructions(),
        "machine": machine.as_plain(),
        "job": job_label(),
    }


def make_lock(phase: Phase, inputs: dict[str, str], sources: Iterable[Source]) -> Lock:
    """What a phase resolves to in this process.

    Args:
        phase: The phase.
        inputs: Digests of the input files.
        sources: The plugins in use.
    """
    return Lock(
        phase=phase.manifest.phase,
        scale=str(phase.manifest.scale),
        manifest_digest=phase.digest,
        configs={name: phase.config_digest(name) for name in phase.configs},
        inputs=inputs,
        plugins={source.distribution: source.version for source in sources},
        software=software(),
        code=code_digest(),
        image=image_digest(),
    )


def _commit(project: Path) -> str:
    """Commit of the project's checkout, with ``+`` where files differ from it; empty where git cannot tell."""
    words = []
    for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            done = subprocess.run(
                ["git", "-C", str(project), *command], capture_output=True, text=True, timeout=30, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        words.append(done.stdout.strip())
    return words[0] + ("+" if words[1] else "")
