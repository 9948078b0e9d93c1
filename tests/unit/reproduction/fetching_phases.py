"""A phase with inputs of every origin, and a hub that is a dictionary."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rephase.manifest import Phase
from rephase.manifest.schema import PENDING, ConfigUse, Input, Manifest, Scale
from rephase.reproduction.hub import HubFile, HubUnreachable

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = b"weights of a world model"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


def hub_input(sha256: str = PENDING, revision: str = COMMIT) -> Input:
    because = "the log recorded no hash" if sha256 == PENDING else ""
    return Input(
        sha256=sha256,
        path="inputs/model.pt",
        pending_because=because,
        repo="someone/pwm",
        revision=revision,
        filename="multitask/model.pt",
    )


def phase(folder: Path, **inputs: Input) -> Phase:
    manifest = Manifest(
        schema=1,
        phase="phase3",
        scale=Scale.LOGGED,
        title="a test",
        tasks=("walker-stand",),
        seeds=(1,),
        plugins={},
        inputs={name.replace("_", "-"): one for name, one in inputs.items()},
        configs={"baseline": ConfigUse(file="baseline.toml")},
    )
    folder.mkdir(parents=True, exist_ok=True)
    return Phase(file=folder / "logged.toml", manifest=manifest, configs={})


class DictionaryHub:
    """Serves one file; counts what it was asked."""

    def __init__(self, cache: Path, content: bytes | None = CONTENT, *, tagged: bool = True) -> None:
        self.content, self.tagged, self.reachable = content, tagged, True
        self.asked: list[str] = []
        self._cached = cache / "blob"

    def describe(self, repo: str, repo_type: str, filename: str, revision: str) -> HubFile:
        self.asked.append(f"describe {repo} {repo_type} {filename} {revision}")
        if not self.reachable or self.content is None:
            raise HubUnreachable("the hub cannot be reached (no route)", where=repo, remedy="give it with --from FILE")
        digest = "sha256:" + hashlib.sha256(self.content).hexdigest()
        return HubFile(COMMIT, digest if self.tagged else "", len(self.content))

    def get(self, repo: str, repo_type: str, filename: str, revision: str, offline: bool) -> Path:
        self.asked.append(f"get {repo} {repo_type} {filename} {revision}" + (" offline" if offline else ""))
        if not self._cached.exists():
            if offline or self.content is None:
                raise HubUnreachable("the hub cannot be reached, and the cache does not hold it", where=repo)
            self._cached.parent.mkdir(parents=True, exist_ok=True)
            self._cached.write_bytes(self.content)
        return self._cached
