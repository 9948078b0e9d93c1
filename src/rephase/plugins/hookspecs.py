"""The hooks a plugin can implement.

A plugin is a distribution with an entry point in the group ``rephase`` that names a module; the module marks
functions with `hookimpl`. It must import without torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from rephase.plugins.offers import Offer, PhasesOffer, RunnerOffer, SectionOffer, TaskOffer, TrackerOffer

__all__ = [
    "hookimpl",
    "hookspec",
    "rephase_offers",
    "rephase_phases",
    "rephase_runners",
    "rephase_sections",
    "rephase_tasks",
    "rephase_trackers",
]

hookspec = pluggy.HookspecMarker("rephase")
hookimpl = pluggy.HookimplMarker("rephase")


@hookspec
def rephase_offers() -> Iterable[Offer]:
    """Announce the parts of this plugin.

    Called once, when plugins are loaded, on every machine, also where torch is not installed. Takes no arguments.

    Returns:
        One `Offer` for each part.

    Example:
        ::

            from attrs import frozen
            from rephase.plugins import Kind, Offer, hookimpl

            @frozen
            class RalstonConfig:
                '''Nothing to set.'''

            @hookimpl
            def rephase_offers():
                return [Offer(kind=Kind.INTEGRATOR, name="ralston", summary="Ralston's second-order method",
                              config=RalstonConfig, loader="my_plugin.ralston:build")]
    """
    raise NotImplementedError  # a specification, never called


@hookspec
def rephase_sections() -> Iterable[SectionOffer]:
    """Announce what this plugin has to say in a report.

    Called by ``rephase report``, for the plugins that the phase pins and for sections named by ``--section``, and by
    ``rephase plugins``. Takes no arguments.

    Returns:
        One `SectionOffer` for each section.

    Example:
        ::

            from rephase.plugins import SectionOffer, hookimpl

            @hookimpl
            def rephase_sections():
                return [SectionOffer("wall-time", "how long every config took", "my_plugin.times:section")]
    """
    raise NotImplementedError  # a specification, never called


@hookspec
def rephase_trackers() -> Iterable[TrackerOffer]:
    """Announce the trackers of this plugin: what ``rephase run --track NAME`` can tell metrics to.

    Called by ``rephase run`` when it is given ``--track``, and by ``rephase plugins``; never by a run without it, and
    whatever a manifest says. Takes no arguments.

    Returns:
        One `TrackerOffer` for each tracker.

    Example:
        ::

            from rephase.plugins import TrackerOffer, hookimpl

            @hookimpl
            def rephase_trackers():
                return [TrackerOffer("csv", "one CSV file a run", "my_plugin.csv:CsvTracker")]
    """
    raise NotImplementedError  # a specification, never called


@hookspec
def rephase_phases() -> Iterable[PhasesOffer]:
    """Announce the phases this distribution ships: manifests with their configs and inputs, as package data.

    Called when a phase is asked for that the project itself does not have, by listings of phases, and by ``rephase
    plugins``. Takes no arguments.

    Returns:
        One `PhasesOffer` for each package that holds a folder ``reproductions``.

    Example:
        ::

            from rephase.plugins import PhasesOffer, hookimpl

            @hookimpl
            def rephase_phases():
                return [PhasesOffer("my_plugin", "two phases of my task")]
    """
    raise NotImplementedError  # a specification, never called


@hookspec
def rephase_runners() -> Iterable[RunnerOffer]:
    """Announce the runners of this plugin: engines that ``rephase submit --runner NAME`` can hand jobs to.

    Called by the commands that submit, ask about or cancel jobs, by ``rephase doctor`` and by ``rephase plugins``, on
    machines without torch; never by a run. Takes no arguments.

    Returns:
        One `RunnerOffer` for each runner.

    Example:
        ::

            from attrs import frozen
            from rephase.plugins import RunnerOffer, hookimpl

            @frozen
            class PbsOptions:
                '''Nothing to set.'''

            @hookimpl
            def rephase_runners():
                return [RunnerOffer("pbs", "job arrays of a PBS queue", PbsOptions, "my_plugin.pbs:Pbs")]
    """
    raise NotImplementedError  # a specification, never called


@hookspec
def rephase_tasks() -> Iterable[TaskOffer]:
    """Announce the tasks of this plugin: what policies can be evaluated in, named in a manifest's ``tasks``.

    Called when a phase names a task that is not the log's, for the plugins that the phase pins; by ``rephase tasks``
    and by ``rephase plugins`` for all. No simulator may be imported by it. Takes no arguments. The log's 30 tasks
    are offered by this hook, too.

    Returns:
        One `TaskOffer` for each task.

    Example:
        ::

            from rephase.plugins import TaskOffer, hookimpl

            @hookimpl
            def rephase_tasks():
                return [TaskOffer(name="my-pendulum", summary="Gymnasium's pendulum", observation_size=3, action_size=1,
                                  returns=(-3300, 0), episode_steps=200, loader="my_plugin.pendulum:build")]
    """
    raise NotImplementedError  # a specification, never called
