"""Everything a contributor or a newcomer runs, each in an environment of its own.

`nox` alone runs the starred sessions. `nox -s reproduce-phase3` is the short way from a fresh clone to a verdict.
The core and the first-party plugins are installed as ordinary distributions, the way a stranger's plugin would be,
and every version comes from constraints.txt, every file of it by the hash in requirements.lock. Where uv is on
PATH it makes the environments and installs, several times as fast as pip; it is handed pip's indexes and folders.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import socket
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|venv"
nox.options.sessions = ["lint", "types", "floors", "tests"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
PLUGINS = ["rephase-mlp", "rephase-flow", "rephase-euler", "rephase-rk", "rephase-slurm"]
OPTIONAL = ["rephase-torchdiffeq", "rephase-meanflow", "rephase-tensorboard", "rephase-wandb", "rephase-skypilot"]
GROUPS = nox.project.load_toml("pyproject.toml")["dependency-groups"]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INCONCLUSIVE = 4


@nox.session
def tests(session: nox.Session) -> None:
    """Unit, functional, architecture and plugin tests on a CPU, on every core: the README's test command."""
    _test(session, *session.posargs)


@nox.session(name="tests-elsewhere", python=["3.12"], tags=["more"])
def tests_elsewhere(session: nox.Session) -> None:
    """The tests on the other Python that is supported; those that need torch only where it has a CPU build."""
    if platform.system() != "Linux" or shutil.which("nvidia-smi") or _torch_index():
        _test(session, *session.posargs)
        return
    session.warn("torch's CPU builds cannot be reached: tests that need torch are skipped, each with that reason")
    extras = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
    wanted = [requirement for extra in extras.values() for requirement in extra if not requirement.startswith("torch")]
    plugins = [*PLUGINS, "rephase-skypilot"]
    _locked(session, *_light_dependencies(), *wanted, *GROUPS["test"], *GROUPS["floors"], "PyYAML>=6")
    _put(session, "--no-deps", ".", *(f"./plugins/{name}" for name in plugins))
    places = ["tests/unit", "tests/architecture", "tests/docs", *(f"plugins/{name}/tests" for name in plugins[-2:])]
    words = ["-q", "-n", "auto", "--dist", "loadfile", "--timeout", "900", *places, *session.posargs]
    session.run("python", "-m", "pytest", *words, env={**_quiet(), "OMP_NUM_THREADS": "1"})


@nox.session(tags=["more"])
def oldest(session: nox.Session) -> None:
    """The tests with the oldest allowed versions; torch's oldest where its CPU builds can be reached."""
    if shutil.which(nox.virtualenv.UV) is None:
        session.error("needs uv, which alone resolves to the oldest versions: pip install uv")
    folder = Path(session.bin).parent / "oldest"  # not nox's own, which tests would take for their temporary folder
    folder.mkdir(exist_ok=True)
    plugins = [nox.project.load_toml(f"plugins/{name}/pyproject.toml")["project"] for name in PLUGINS + OPTIONAL]
    wanted = [word for plugin in plugins for word in plugin["dependencies"] if not word.startswith("rephase")]
    (folder / "wanted.txt").write_text("\n".join([*wanted, *GROUPS["test"], "pip>=23.1"]) + "\n")
    (folder / "torch.txt").write_text(f"torch=={_oldest_torch()}\n")
    words = ["--quiet", "--resolution", "lowest-direct", "--override", str(folder / "torch.txt"), *_torch_index()]
    extras = [word for extra in _extras().split(",") for word in ("--extra", extra)]
    sources = ["pyproject.toml", *extras, str(folder / "wanted.txt"), "-o", str(folder / "oldest.txt")]
    python = ["--python", str(Path(session.bin) / "python")]
    session.run(nox.virtualenv.UV, "pip", "compile", *words, *python, *sources, env=_settings_for_uv(), external=True)
    # Where an index has torch for a GPU only, what that brings along is left out: gigabytes that a CPU has no use for.
    lines = (folder / "oldest.txt").read_text().splitlines()
    if platform.system() == "Linux" and shutil.which("nvidia-smi") is None:
        lines = [line for line in lines if not re.match(r"(nvidia|cuda)-|triton==", line)]
    (folder / "oldest.txt").write_text("\n".join(lines) + "\n")
    _put(session, *_torch_index(), "-r", str(folder / "oldest.txt"))
    _put(session, "--no-deps", *_own(), *(f"./plugins/{name}" for name in OPTIONAL))
    places = session.posargs or ["tests/unit", "tests/functional", "tests/conformance"]
    words = ["-q", "-n", "auto", "--dist", "loadfile", "-W", "default", *places]
    session.run("python", "-m", "pytest", *words, env={**_quiet(), "OMP_NUM_THREADS": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """The style of every file, docstrings and annotations included, by ruff."""
    _locked(session, *GROUPS["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Every type in src and in the plugins, strictly, by mypy."""
    _install(session, "run,report,gym,render,cluster,hub,testing", *GROUPS["types"], *GROUPS["test"])
    session.run("mypy", "src", *(f"plugins/{name}/src" for name in PLUGINS))


@nox.session
def floors(session: nox.Session) -> None:
    """Imports only point down, light rooms import nothing heavy, plugins never meet: by import-linter."""
    _locked(session, *GROUPS["floors"])
    _put(session, "--no-deps", *_own(), *(f"./plugins/{name}" for name in OPTIONAL))
    session.run("lint-imports", "--no-logo", silent=False)


@nox.session
def docs(session: nox.Session) -> None:
    """The pages in docs/, built strictly: every page in the menu, every link leading somewhere."""
    _locked(session, *GROUPS["docs"])
    session.run("zensical", "build", "--strict", "--clean")


@nox.session(tags=["more"])
def pages(session: nox.Session) -> None:
    """The generated pages of docs/, written again from the code they describe."""
    _install(session, "run,report")
    _put(session, "--no-deps", *(f"./plugins/{name}" for name in OPTIONAL))
    session.run("python", "-m", "rephase.cli.reference", ".")
    session.run("python", "-m", "rephase.cli.manifest_reference", ".")
    session.run("python", "-m", "rephase.cli.gallery", ".")
    session.run("python", "-m", "rephase.cli.api_reference", ".")
    session.run("python", "-m", "rephase.report.results", ".")


@nox.session(name="reproduce-phase3")
def reproduce_phase3(session: nox.Session) -> None:
    """Phase 3 from input to verdict: 18 trainings, their evaluation, tables (-- --scale logged: the cluster's size).

    An INCONCLUSIVE verdict is said loudly and is no failure; FAIL and INVALID are.
    """
    _reproduce(session, "phase3")


@nox.session(name="reproduce-phase4")
def reproduce_phase4(session: nox.Session) -> None:
    """Phase 4 from scratch to verdict, defects kept as logged (-- --scale logged: the cluster's size)."""
    _reproduce(session, "phase4")


@nox.session(name="reproduce-phase5")
def reproduce_phase5(session: nox.Session) -> None:
    """Phase 5's three variations from scratch to verdict (-- --scale logged: the cluster's size)."""
    _reproduce(session, "phase5")


@nox.session(tags=["more"])
def rehearse(session: nox.Session) -> None:
    """Logged Phases 3 to 5, the whole path on made-up inputs (-- phase3: only it; -- --whole: of the log's sizes)."""
    _install(session, "run,report")
    project = Path(session.create_tmp()) / "project"
    shutil.rmtree(project, ignore_errors=True)
    environment = {**_quiet(), "PYTHONPATH": str(ROOT / "tests")}
    whole = ["--whole"] if "--whole" in session.posargs else []
    session.run("python", "-m", "fakes.official", str(project), *whole, env=environment)
    chunks = [str(project / f"inputs/mt30/chunk_{number}.pt") for number in range(4)]
    words = ["--phase", "phase3", "--project", str(project), "--into", str(project / "inputs/mt30-store")]
    session.run("rephase", "import-dataset", *chunks, *words, env=_quiet())
    named = [word for word in session.posargs if word not in whole]
    for phase in named or ["phase3", "phase4", "phase5"]:
        words = [phase, "--scale", "logged", "--device", "cpu", "--project", str(project)]
        session.run("rephase", "rehearse", *words, env=_quiet())


@nox.session
def vectors(session: nox.Session) -> None:
    """All reference files, recomputed by the installed parts in both types (-- DIR for files of your own)."""
    _install(session, "run")
    shipped = [["tests/data/reference", "--dtype", dtype] for dtype in ("float64", "float32")]
    for words in [session.posargs] if session.posargs else [*shipped, ["tests/data/environments"]]:
        session.run("rephase", "vectors", *words, env=_quiet())


@nox.session(tags=["more"])
def gpu(session: nox.Session) -> None:
    """A GPU node in ten minutes: CUDA tests, vectors, rehearsal, times and memory, in one JSON and one table."""
    _install(session, "run", *GROUPS["test"])
    session.run("rephase", "doctor", "--gpu", *session.posargs, env=_quiet())


@nox.session
def template(session: nox.Session) -> None:
    """A generated plugin of each kind, installed and tested from outside this repository's source."""
    _install(session, "run,testing")
    session.cd(session.create_tmp())
    for kind in ("integrator", "policy", "world-model", "task"):
        folder = Path(f"rephase-my-{kind}")
        shutil.rmtree(folder, ignore_errors=True)
        session.run("rephase", "new-plugin", f"my-{kind}", "--kind", kind)
        _put(session, "-c", str(ROOT / "constraints.txt"), f"./{folder}[test]")
        session.run("python", "-m", "pytest", "-q", str(folder / "tests"), env=_quiet())
    session.run("rephase", "plugins")


@nox.session(tags=["more"])
def wheels(session: nox.Session) -> None:
    """Every distribution built and checked, then Phase 3 from the wheels alone in an empty folder (-- none: no run)."""
    _locked(session, *GROUPS["wheels"])
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    for source in (ROOT, *(ROOT / "plugins" / name for name in PLUGINS + OPTIONAL), ROOT / "reproductions"):
        shutil.rmtree(source / "build", ignore_errors=True)
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(dist), str(source), silent=True)
    session.run("python", "-m", "twine", "check", "--strict", *sorted(str(path) for path in dist.iterdir()))
    if lacking := _lacking(dist):
        session.error("; ".join(lacking))
    _locked(session, "torch", torch=True)
    _put(session, "-c", "constraints.txt", "--find-links", str(dist), "rephase-reproductions")
    # Not below this checkout: rephase would find its phases instead of the installed ones.
    with tempfile.TemporaryDirectory(prefix="rephase-wheels-") as folder:
        session.cd(folder)
        shown = session.run("rephase", "show", "phase3", "--json", silent=True) or ""
        if '"folder": "runs/' not in shown:
            session.error(f"rephase took the phases from elsewhere than the wheel:\n{shown}")
        if session.posargs != ["none"]:
            session.run("rephase", "run", "phase3", env=_quiet())
            session.run("rephase", "check", "phase3", success_codes=[0, INCONCLUSIVE])
            session.run("rephase", "report", "phase3", env=_quiet())
            if not list(Path(folder).glob("runs/*/report.html")):
                session.error(f"no report below {folder}")
        session.cd(ROOT)


@nox.session(name="embedded-assets")
def embedded_assets(session: nox.Session) -> None:
    """The shipped world model and its data, made again from nothing by the seeded recipe: up to two hours."""
    _install(session, "run", *GROUPS["recipe"])
    session.run("python", "-m", "recipe", *session.posargs, env={**_quiet(), "PYTHONPATH": "reproductions/embedded"})


@nox.session(name="embedded-damage", tags=["more"])
def embedded_damage(session: nox.Session) -> None:
    """Phase 3 in world models damaged on purpose, and with other seeds: which of them the verdict lets pass."""
    _install(session, "run")
    session.run(
        "python", "-m", "recipe.damaged", *session.posargs, env={**_quiet(), "PYTHONPATH": "reproductions/embedded"}
    )


@nox.session(name="operating-characteristics", tags=["more"])
def operating_characteristics(session: nox.Session) -> None:
    """How often verdicts are right and wrong, simulated again and held against the published page (-- --write)."""
    _locked(session, ".")
    page = "docs/reference/operating-characteristics.md"
    action = "--write" if "--write" in session.posargs else "--check"
    session.run("python", "-m", "rephase.judging.characteristics_page", action, page)


@nox.session(tags=["more"])
def cluster(session: nox.Session) -> None:
    """Real Apptainer and SLURM: a phase as array jobs in an image, requeued, killed and cancelled (Debian, root)."""
    if reason := _no_cluster_here():
        session.skip(reason)
    _install(session, "run,cluster", *GROUPS["test"])
    scripts = ROOT / "tests/cluster"
    session.run(str(scripts / "install-apptainer.sh"), external=True)
    image = _image(session, scripts)
    session.run(str(scripts / "start-slurm.sh"), external=True)
    try:
        environment = {**_quiet(), "REPHASE_TEST_IMAGE": str(image), "OMP_NUM_THREADS": "1"}
        session.run(
            "python", "-m", "pytest", "-q", "--durations=5", *(session.posargs or ["tests/cluster"]), env=environment
        )
    finally:
        session.run(str(scripts / "stop-slurm.sh"), external=True)


@nox.session(name="minimums", tags=["more"])
def minimums(session: nox.Session) -> None:
    """The light rooms and the command line without torch: what a login node has."""
    _put(session, "-c", "constraints.txt", ".", *(f"./plugins/{name}" for name in PLUGINS), "--no-deps")
    _locked(session, *_light_dependencies())
    for words in (["plugins"], ["show", "phase3"], ["show", "phase3", "--scale", "logged"], ["status"]):
        session.run("rephase", *words)


@nox.session(name="constraints", tags=["more"])
def constraints(session: nox.Session) -> None:
    """constraints.txt and requirements.lock, written again from the newest versions that fit pyproject.toml."""
    groups = [requirement for name in sorted(GROUPS) for requirement in GROUPS[name]]
    _put(session, "pip", *_torch_index(), f".[{_extras()}]", *(f"./plugins/{name}" for name in OPTIONAL), *groups)
    frozen = session.run("python", "-m", "pip", "freeze", "--exclude", "rephase", silent=True) or ""
    pins = [line.partition("+")[0] for line in frozen.splitlines() if "==" in line]
    text = (
        "# One owner of every pinned version: nox, the image and the docs read this. Written by nox -s constraints.\n"
    )
    (ROOT / "constraints.txt").write_text(text + "\n".join(pins) + "\n")
    # Every file of every pinned version by its hash, wherever it is installed.
    session.install("uv")
    words = (
        "--no-deps --generate-hashes --universal --no-annotate --no-header --no-emit-index-url --python-version 3.11.9"
    )
    session.run("uv", "pip", "compile", "--quiet", *words.split(), "constraints.txt", "-o", "requirements.lock")


def _test(session: nox.Session, *words: str) -> None:
    """Run tests on every core, a file's tests in one process; all of them where no file or folder is named."""
    _install(session, "run,report,gym,render,cluster,hub,testing", *GROUPS["test"], *GROUPS["floors"])
    _locked(session, *(f"./plugins/{name}" for name in OPTIONAL))
    asked = any((ROOT / word.partition("::")[0]).exists() for word in words)
    places = [] if asked else ["tests", *(f"plugins/{name}/tests" for name in PLUGINS + OPTIONAL)]
    # The limit is for a test that hangs, on any machine; none is near it.
    spread = ["-n", "auto", "--dist", "loadfile", "--durations", "25", "--timeout", "900"]
    session.run("python", "-m", "pytest", "-q", *spread, *places, *words, env={**_quiet(), "OMP_NUM_THREADS": "1"})


def _reproduce(session: nox.Session, phase: str) -> None:
    _install(session, "run,report")
    words = session.posargs or ["--scale", "embedded"]
    session.run("rephase", "run", phase, *words, env=_quiet())
    scale = "logged" if "logged" in " ".join(words) else "embedded"
    if not (ROOT / f"reproductions/{phase}/{scale}.recorded.json").exists():
        session.warn(f"nobody has recorded outcomes of {phase} at the {scale} scale: there is no verdict yet")
        session.run("rephase", "log", phase, *_scale(words), env=_quiet())
        return
    session.run("rephase", "check", phase, *_scale(words), success_codes=[0, INCONCLUSIVE], env=_quiet())
    if (ROOT / "src/rephase/cli/report.py").exists():
        session.run("rephase", "report", phase, *_scale(words), env=_quiet())


def _no_cluster_here() -> str:
    """Why no cluster can be set up on this machine; empty when it can."""
    if os.geteuid() != 0:
        return "needs root: it installs Apptainer and SLURM and starts their daemons"
    release = Path("/etc/os-release")
    words = (
        dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line) if release.exists() else {}
    )
    if words.get("VERSION_CODENAME", "").strip('"') != "bookworm" or platform.machine() != "x86_64":
        return "needs Debian bookworm on x86_64: that is what its scripts install Apptainer and SLURM on"
    return ""


def _image(session: nox.Session, scripts: Path) -> Path:
    """The image of this checkout on a base that needs no container registry, built when anything in it changed."""
    cache = Path(session.cache_dir).resolve() / "cluster"
    base = cache / f"base-{_content(scripts / 'make-base.sh')}.sif"
    session.run(str(scripts / "make-base.sh"), str(base), external=True)
    parts = [
        "containers/rephase.def",
        "containers/locked.py",
        "constraints.txt",
        "requirements.lock",
        "pyproject.toml",
        "src",
        "plugins",
        "reproductions",
    ]
    image = cache / f"rephase-{_content(*(ROOT / part for part in parts))}.sif"
    if not image.exists():
        for old in cache.glob("rephase-*.sif*"):
            old.unlink()
        memory = Path("/dev/shm")
        environment = {
            "APPTAINER_BINDPATH": Path(f"{base}.binds").read_text().strip(),
            "APPTAINER_MKSQUASHFS_ARGS": "-comp zstd -Xcompression-level 3",
        }
        if memory.is_dir() and shutil.disk_usage(memory).free > 6 * 2**30:
            environment["APPTAINER_TMPDIR"] = str(memory)
        arguments = {"bootstrap": "localimage", "from": str(base), "wheels": "default" if _torch_index() else "none"}
        words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        session.run("rephase", "image", "build", str(image), "--project", str(ROOT), *words, env=environment)
    return image


def _content(*paths: Path) -> str:
    """A short digest of files, or of all files in folders but what builds and tests leave behind."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            leftover = {"__pycache__", "build"} & set(file.parts) or ".egg-info" in str(file)
            if file.is_file() and not leftover:
                found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:12]


def _scale(words: list[str]) -> list[str]:
    """The part of the arguments that `rephase check` takes too."""
    taken = []
    for at, word in enumerate(words):
        if word in ("--scale", "--runs", "--project"):
            taken += words[at : at + 2]
        elif word.startswith(("--scale=", "--runs=", "--project=")):
            taken.append(word)
    return taken


def _install(session: nox.Session, extras: str, *more: str) -> None:
    """Install core and first-party plugins as ordinary distributions, at the pinned versions."""
    # Building leaves a folder behind that would shadow what changed since.
    for folder in (ROOT, *(ROOT / "plugins" / name for name in PLUGINS)):
        shutil.rmtree(folder / "build", ignore_errors=True)
    core, *plugins = _own()
    _locked(session, f"{core}[{extras}]", *plugins, *more, torch="run" in extras.split(","))


def _locked(session: nox.Session, *wanted: str, torch: bool = False) -> None:
    """Install packages whose files have the hashes in requirements.lock, torch from one index and no other."""
    if session.python is None and sys.version_info >= (3, 13):
        session.error("needs Python 3.11 or 3.12: dm_control needs labmaze, which has no wheel for a later one")
    index = _torch_index()[-1:]
    options = ["--torch", *(f"--torch-index={one}" for one in index)] if torch else []
    if session.venv_backend == "uv":
        options.append(f"--uv={nox.virtualenv.UV}")
        # Tests install a plugin as its author would, and pip says where it is set up to look.
        _put(session, "pip")
    session.run("python", str(ROOT / "containers/locked.py"), *options, "--", *wanted)


def _put(session: nox.Session, *words: str) -> None:
    """Install as the session's installer does, wherever pip is set up to look."""
    session.install(*words, env=_settings_for_uv())


@functools.cache
def _settings_for_uv() -> dict[str, str]:
    """Where pip is set up to look, in uv's words; as with pip, the newest of all indexes is taken."""
    sys.path.insert(0, str(ROOT / "containers"))
    try:
        import locked
    finally:
        sys.path.pop(0)
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **locked.settings_for_uv()}


def _oldest_torch() -> str:
    """The oldest version of torch that is allowed, or the pinned one where its CPU builds cannot be reached."""
    run = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["run"]
    oldest = next(word.removeprefix("torch>=") for word in run if word.startswith("torch>="))
    if _torch_index():
        return f"{oldest}.0+cpu"
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = next(line.removeprefix("torch==") for line in pins if line.startswith("torch=="))
    return f"{oldest}.0" if platform.system() != "Linux" or shutil.which("nvidia-smi") else pinned


def _lacking(dist: Path) -> list[str]:
    """What built distributions lack: the licence in any, tests and docs in the sources of the core."""
    found = []
    for path in sorted(dist.iterdir()):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                names = wheel.namelist()
        else:
            with tarfile.open(path) as sources:
                names = sources.getnames()
        wanted = ["/LICENSE"]
        if path.name.startswith("rephase-") and path.suffix != ".whl":
            wanted += ["/tests/unit/test_errors.py", "/docs/index.md", "/noxfile.py"]
        found += [f"{path.name} has no {end[1:]}" for end in wanted if not any(name.endswith(end) for name in names)]
    return found


def _own() -> list[str]:
    return [".", *(f"./plugins/{name}" for name in PLUGINS)]


def _extras() -> str:
    return ",".join(nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"])


def _light_dependencies() -> list[str]:
    return list(nox.project.load_toml("pyproject.toml")["project"]["dependencies"])


def _torch_index() -> list[str]:
    """Where torch's CPU builds are, unless a GPU or REPHASE_TORCH_INDEX (empty for none) says otherwise.

    The general index gives Linux the CUDA builds, gigabytes that a CPU has no use for.
    """
    index = os.environ.get("REPHASE_TORCH_INDEX")
    if index is not None:
        return ["--extra-index-url", index] if index else []
    if platform.system() != "Linux" or shutil.which("nvidia-smi") or not _is_reachable(CPU_INDEX):
        return []
    return ["--extra-index-url", CPU_INDEX]


def _is_reachable(address: str) -> bool:
    host = address.split("/")[2]
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True


def _quiet() -> dict[str, str]:
    # The environments are nox's own, so that what is compiled may stay there: every process of the tests starts faster.
    display = os.environ.get("MUJOCO_GL", "disabled")
    return {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", "MUJOCO_GL": display}
