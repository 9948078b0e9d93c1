"""Finding phases: the project's folder, the phases in it, and the manifest of one at a scale. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from rephase.environments import SUITE, TaskSet, discover_tasks
from rephase.errors import InputMismatch, ManifestError, PluginError, Problem, UnknownName, UsageError
from rephase.manifest import Phase, Run, read_phase
from rephase.manifest.files import displayed, unknown_name
from rephase.manifest.schema import Scale
from rephase.plugins.phases import ShippedPhases, shipped_phases

__all__ = [
    "find_project",
    "known_phases",
    "open_phase",
    "own_phases",
    "require_manifest",
    "require_run",
    "returns_of",
    "tasks_of",
    "with_known_tasks",
]

_FOLDER = "reproductions"
_SUBMIT_AGAIN = "put the manifest back as it was, or cancel these jobs and submit again"


def find_project(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, that holds ``reproductions``.

    Raises:
        UsageError: There is none.
    """
    for folder in (start, *start.resolve().parents):
        if (folder / _FOLDER).is_dir():
            return folder
    raise UsageError(
        f"no folder {_FOLDER!r} here or above",
        where=str(start),
        remedy="change to a checkout of the project or give --project FOLDER",
    )


def own_phases(project: Path) -> dict[str, dict[str, Path]]:
    """The manifests of a project: for each phase, its file by scale; sorted."""
    found: dict[str, dict[str, Path]] = {}
    for scale in Scale:
        for path in (project / _FOLDER).glob(f"*/{scale}.toml"):
            found.setdefault(path.parent.name, {})[str(scale)] = path
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def known_phases(project: Path) -> dict[str, dict[str, Path]]:
    """The manifests of a project and of installed distributions, the project's own first where both have a phase.

    Raises:
        PluginError: Two distributions ship a phase of one name, which the project does not have.
    """
    own = own_phases(project)
    shipped: dict[str, tuple[ShippedPhases, dict[str, Path]]] = {}
    for folder in shipped_phases():
        if folder.project.resolve() == project.resolve():
            continue
        for name, scales in own_phases(folder.project).items():
            other, _ = shipped.setdefault(name, (folder, scales))
            if other is not folder and name not in own:
                raise PluginError(
                    f"phase {name!r} is shipped by {other.source} and {folder.source}",
                    where=str(folder.project / _FOLDER / name),
                    remedy="uninstall one of them, or name a manifest's path",
                )
    found = {name: scales for name, (_, scales) in shipped.items()} | own
    return {name: found[name] for name in sorted(found)}


def open_phase(name: str, scale: str, project: Path) -> Phase:
    """Read the manifest of a phase at a scale: the project's, else the one that an installed distribution ships.

    Args:
        name: Name of the phase, or a manifest's path.
        scale: Scale; ignored where ``name`` is a path.
        project: Folder that holds ``reproductions``.

    Returns:
        The phase, its tasks known.

    Raises:
        UnknownName: There is no such phase or scale.
        ManifestError: The manifest says something it may not.
        PluginError: Two distributions ship a phase of this name.
    """
    if name.endswith(".toml"):
        return with_known_tasks(read_phase(Path(name)))
    phases = own_phases(project)
    if name not in phases:  # only then is a plugin imported
        phases = known_phases(project)
    if name not in phases:
        raise UnknownName("phase", name, list(phases), listing="rephase show")
    if scale not in phases[name]:
        raise UnknownName("scale", scale, list(phases[name]), where=name)
    return with_known_tasks(read_phase(phases[name][scale]))


def require_manifest(phase: Phase, expected: str) -> None:
    """Refuse a phase that is not the one a job was submitted for.

    Args:
        phase: The phase as its files say now.
        expected: Digest its manifest had when the job was submitted.

    Raises:
        InputMismatch: It is another one.
    """
    if phase.digest != expected:
        raise InputMismatch(
            f"the manifest is {phase.digest}, submitted was {expected}; nothing was run",
            where=displayed(phase.file),
            remedy=_SUBMIT_AGAIN,
        )


def require_run(phase: Phase, index: int, run: Run, expected: str) -> None:
    """Refuse a run that is not the one its index stood for when the job was submitted.

    Args:
        phase: The phase as its files say now.
        index: The index.
        run: The run it stands for now.
        expected: Label of the run it stood for.

    Raises:
        InputMismatch: It is another one.
    """
    if run.label != expected:
        raise InputMismatch(
            f"index {index} is now {run.label}, submitted was {expected}; nothing was run",
            where=displayed(phase.file),
            remedy=_SUBMIT_AGAIN,
        )


def with_known_tasks(phase: Phase) -> Phase:
    """The phase, if its tasks are known.

    Raises:
        ManifestError: One is not, or is a plugin's that the phase does not pin.
        PluginError: Plugins collide over one, or two of them cannot be in one phase.
    """
    tasks_of(phase)
    return phase


def tasks_of(phase: Phase) -> TaskSet:
    """The tasks of a phase: the log's, or offered by plugins that it pins. No plugin is imported for the log's alone.

    Raises:
        ManifestError: One is not known, or is a plugin's that the phase does not pin.
        PluginError: Plugins collide over one, or two of them cannot be in one phase.
    """
    wanted = dict.fromkeys(phase.manifest.tasks)
    own = {task.name: task for task in SUITE}
    if any(name not in own for name in wanted):
        found = discover_tasks(phase.manifest.plugins)
        own |= {one.offer.name: one.offer for one in found.offered}
        for fault in found.faults:
            if any(("task", name) in fault.names for name in wanted):
                raise fault.error(displayed(phase.file))
    problems = [
        _unknown_task(f"tasks[{at}]", name, list(own))
        for at, name in enumerate(phase.manifest.tasks)
        if name not in own
    ]
    if problems:
        raise ManifestError(displayed(phase.file), problems)
    return TaskSet(tuple(own[name] for name in wanted))


def returns_of(phase: Phase) -> tuple[float, float]:
    """Lowest and highest return that an episode of any of a phase's tasks can have, in points."""
    ranges = [task.returns for task in tasks_of(phase)]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _unknown_task(at: str, name: str, known: list[str]) -> Problem:
    for one in discover_tasks().offered:
        if one.offer.name == name:
            owner = one.source.distribution
            problem = f"task {name!r} is offered by {owner}, which is not among the phase's plugins"
            return Problem(at, problem, f"add {owner} = '>={one.source.version}' under [plugins]")
    return unknown_name(at, "task", name, known)
