"""Installs what is asked for into this Python, every file checked against requirements.lock before anything of it runs.

    python containers/locked.py [--torch-index URL] .[run,report] ./plugins/rephase-mlp ...

nox and the image install with it. pip says what it would take (nothing is installed yet), each package is looked up in
the lock, and then exactly these are installed by hash. Packages come from the index that pip is set up with; torch
comes from --torch-index alone where one is given, so that no index decides about another's packages. Needs nothing
but pip.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What torch's builds for a GPU bring along, by versions that torch itself fixes; which they are depends on the GPU.
OF_TORCH = re.compile(r"torch|triton|(nvidia|cuda)-[a-z0-9-]+")


def main() -> int:
    """Install, and say what could be checked by version only."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wanted", nargs="+", help="packages and folders of this project")
    parser.add_argument("--torch-index", default="", help="the one index torch comes from (default: pip's own)")
    parser.add_argument("--torch", action="store_true", help="install torch first")
    given = parser.parse_args()
    lock = read_lock(ROOT / "requirements.lock")
    with tempfile.TemporaryDirectory(prefix="locked-") as folder:
        place = Path(folder)
        by_hash(place, lock, ["setuptools"])
        if given.torch:
            index = ["--index-url", given.torch_index] if given.torch_index else []
            install(place, lock, [*index, "--no-deps", "torch"])
        install(place, lock, given.wanted)
        own = [word for word in given.wanted if word.startswith(".")]
        if own:
            pip("install", "--quiet", "--no-deps", "--no-build-isolation", *own)
    return 0


def read_lock(path: Path) -> dict[str, str]:
    """The lines of a lock by normalised name, each with its hashes."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in text.splitlines() if line and not line.startswith("#"))
    return {normalised(line.split("==")[0]): line for line in lines}


def install(place: Path, lock: dict[str, str], words: list[str]) -> None:
    """Ask pip what it would take, and install it by the lock's hashes."""
    report = place / "report.json"
    constraints = str(ROOT / "constraints.txt")
    asked = ["--quiet", "--dry-run", "--no-build-isolation", "--report", str(report), "-c", constraints]
    pip("install", *asked, *words)
    taken = json.loads(report.read_text(encoding="utf-8"))["install"]
    names, unlocked = [], []
    for one in taken:
        download, name = one["download_info"], normalised(one["metadata"]["name"])
        if "archive_info" not in download:
            continue  # a folder of this project
        told = download["archive_info"]
        found = told.get("hashes", {}).get("sha256") or told.get("hash", "").removeprefix("sha256=")
        if name in lock and found and f"sha256:{found}" in lock[name]:
            names.append(name)
        elif name not in lock or OF_TORCH.fullmatch(name):
            unlocked.append(f"{name}=={one['metadata']['version']}")
        else:
            sys.exit(
                f"locked: {name} {one['metadata']['version']} ({Path(download['url']).name}) is not the file that "
                "requirements.lock has; if it is meant to change, write the lock again: nox -s constraints"
            )
    by_hash(place, lock, names)
    if unlocked:
        print(f"locked: the lock has no hash of it, taken by version: {', '.join(unlocked)}", file=sys.stderr)
        index = words[: words.index("--no-deps")] if "--no-deps" in words else []
        pip("install", "--quiet", "--no-deps", *index, *unlocked)


def by_hash(place: Path, lock: dict[str, str], names: list[str]) -> None:
    """Install packages by the lock's lines."""
    if names:
        chosen = place / "chosen.txt"
        chosen.write_text("".join(f"{lock[name]}\n" for name in names), encoding="utf-8")
        pip("install", "--quiet", "--no-deps", "--require-hashes", "-r", str(chosen))


def pip(*words: str) -> None:
    """Run this Python's pip."""
    done = subprocess.run([sys.executable, "-m", "pip", *words], cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def normalised(name: str) -> str:
    """A distribution's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


if __name__ == "__main__":
    sys.exit(main())
