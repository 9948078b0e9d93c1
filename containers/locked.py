"""Installs what is asked for into this Python, every file checked against requirements.lock before anything of it runs.

    python containers/locked.py [--torch-index URL] .[run,report] ./plugins/rephase-mlp ...

nox and the image install with it. The installer says what it would take (nothing is installed yet), each package is
looked up in the lock, and then exactly these are installed by hash. Packages come from the index that pip is set up
with; torch comes from --torch-index alone where one is given, so that no index decides about another's packages. The
installer is pip, or uv where --uv says so: uv reads no setting of pip, so it is handed pip's indexes and folders.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
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
    parser.add_argument("--uv", default="", metavar="PROGRAM", help="install with this uv (default: with pip)")
    given = parser.parse_args()
    lock = read_lock(ROOT / "requirements.lock")
    with tempfile.TemporaryDirectory(prefix="locked-") as folder:
        place = Path(folder)
        by_hash(place, lock, ["setuptools"], with_uv=given.uv)
        if given.torch:
            index = ["--index-url", given.torch_index] if given.torch_index else []
            install(place, lock, [*index, "--no-deps", "torch"], with_uv=given.uv)
        install(place, lock, given.wanted, with_uv=given.uv)
        own = [word for word in given.wanted if word.startswith(".")]
        if own:
            put(given.uv, "--no-deps", "--no-build-isolation", *own)
    return 0


def read_lock(path: Path) -> dict[str, str]:
    """The lines of a lock by normalised name, each with its hashes."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in text.splitlines() if line and not line.startswith("#"))
    return {normalised(line.split("==")[0]): line for line in lines}


def install(place: Path, lock: dict[str, str], words: list[str], *, with_uv: str = "") -> None:
    """Ask the installer what it would take, and install it by the lock's hashes."""
    taken = taken_by_uv(with_uv, words) if with_uv else taken_by_pip(place, words)
    names, unlocked = [], []
    for name, version, digest in taken:
        locked_version = lock.get(name, "").partition("==")[2].partition(" ")[0]
        # uv names no digest beforehand; it refuses a file of another when it installs by the lock's line.
        is_of_lock = f"sha256:{digest}" in lock.get(name, "") if digest else version == locked_version
        if name in lock and is_of_lock:
            names.append(name)
        elif name not in lock or OF_TORCH.fullmatch(name):
            unlocked.append(f"{name}=={version}")
        else:
            sys.exit(
                f"locked: {name} {version} is not the file that requirements.lock has; if it is meant to change, write "
                "the lock again: nox -s constraints"
            )
    by_hash(place, lock, names, with_uv=with_uv)
    if unlocked:
        print(f"locked: the lock has no hash of it, taken by version: {', '.join(unlocked)}", file=sys.stderr)
        put(with_uv, "--no-deps", *words[: words.index("--no-deps")] if "--no-deps" in words else [], *unlocked)


def taken_by_pip(place: Path, words: list[str]) -> list[tuple[str, str, str]]:
    """Name, version and sha256 of each package from an index that pip would install."""
    report = place / "report.json"
    asked = [
        "--quiet",
        "--dry-run",
        "--no-build-isolation",
        "--report",
        str(report),
        "-c",
        str(ROOT / "constraints.txt"),
    ]
    pip("install", *asked, *words)
    taken = []
    for one in json.loads(report.read_text(encoding="utf-8"))["install"]:
        if "archive_info" in one["download_info"]:  # else a folder of this project
            told = one["download_info"]["archive_info"]
            digest = told.get("hashes", {}).get("sha256") or told.get("hash", "").removeprefix("sha256=")
            taken.append((normalised(one["metadata"]["name"]), one["metadata"]["version"], digest))
    return taken


def taken_by_uv(program: str, words: list[str]) -> list[tuple[str, str, str]]:
    """Name and version of each package from an index that uv would install, and no digest, which it does not say."""
    said = uv(program, "install", "--dry-run", "--no-build-isolation", "-c", str(ROOT / "constraints.txt"), *words)
    lines = re.findall(r"^ [+] (\S+?)==(\S+)$", re.sub(r"\x1b\[[0-9;]*m", "", said), re.MULTILINE)
    return [(normalised(name), version, "") for name, version in lines]


def by_hash(place: Path, lock: dict[str, str], names: list[str], *, with_uv: str = "") -> None:
    """Install packages by the lock's lines."""
    if names:
        chosen = place / "chosen.txt"
        chosen.write_text("".join(f"{lock[name]}\n" for name in names), encoding="utf-8")
        put(with_uv, "--no-deps", "--require-hashes", "-r", str(chosen))


def put(with_uv: str, *words: str) -> None:
    """Install with one installer or the other."""
    if with_uv:
        uv(with_uv, "install", *words)
    else:
        pip("install", "--quiet", *words)


def pip(*words: str) -> None:
    """Run this Python's pip."""
    done = subprocess.run([sys.executable, "-m", "pip", *words], cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def uv(program: str, *words: str) -> str:
    """Run uv for this Python, with pip's indexes and folders, and return what it says."""
    command = [program, "pip", words[0], "--color", "never", "--python", sys.executable, *words[1:]]
    environment = {**os.environ, **settings_for_uv()}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
    return done.stderr


@functools.cache
def settings_for_uv() -> dict[str, str]:
    """What uv has to be told so that it looks where pip is set up to look; settings of uv's own come first."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return as_uv_says(read_settings(done.stdout if done.returncode == 0 else ""), os.environ)


def read_settings(listed: str) -> dict[str, list[str]]:
    """Settings of pip by name, from what ``pip config list`` prints: those of the environment last, which prevail."""
    found: dict[str, list[str]] = {}
    lines = [line.partition("=") for line in listed.splitlines() if "=" in line]
    for key, _, value in sorted(lines, key=lambda line: (line[0].startswith(":env:"), line[0].startswith("install."))):
        found[key.removeprefix(":env:.").rpartition(".")[2]] = str(ast.literal_eval(value)).split()
    return found


def as_uv_says(settings: Mapping[str, list[str]], environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for uv that say what pip's settings say."""
    told = {
        "UV_FIND_LINKS": ",".join(settings.get("find-links", [])),
        "UV_DEFAULT_INDEX": " ".join(settings.get("index-url", [])),
        "UV_INDEX": " ".join(settings.get("extra-index-url", [])),
        "SSL_CERT_FILE": " ".join(settings.get("cert", [])),
    }
    if told["UV_INDEX"]:
        # pip takes the newest of all indexes; which file it is, the lock decides.
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in told.items() if value and name not in environment}


def normalised(name: str) -> str:
    """A distribution's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


if __name__ == "__main__":
    sys.exit(main())
