"""The table of commands: one line each, in the order `rephase --help` lists them.

See `rephase.cli.main` for how to add a command. Nothing is imported here.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["COMMANDS", "Command"]


@frozen
class Command:
    """One command of ``rephase``.

    Args:
        name: The word typed after ``rephase``.
        module: Module with ``configure(parser)`` and ``run(arguments)``, imported only when the command is used.
        summary: One line for ``rephase --help``, starting with a verb.
    """

    name: str
    module: str
    summary: str


COMMANDS: tuple[Command, ...] = (
    Command("run", "rephase.cli.run", "Train and evaluate what is not done yet; Ctrl-C is safe."),
    Command("check", "rephase.cli.check", "Say whether a phase came back: tables, verdict, exit code."),
    Command("compare", "rephase.cli.compare", "Set two phases, scales or configs side by side, cell by cell."),
    Command("report", "rephase.cli.report", "Write a phase as one HTML page and as Markdown, from records alone."),
    Command("audit", "rephase.cli.audit", "Recompute what recorded outcomes, or a log's tables, say about themselves."),
    Command("badge", "rephase.cli.badge", "List the artifact-badge conditions a phase's bundle meets and misses."),
    Command("show", "rephase.cli.show", "Show what a phase means, or list the phases."),
    Command("status", "rephase.cli.status", "Say where every run is in its life."),
    Command("log", "rephase.cli.log", "Render a phase's runs as the log's own Markdown tables."),
    Command("record", "rephase.cli.record", "Turn completed runs into recorded outcomes."),
    Command("plugins", "rephase.cli.plugins", "List the installed parts, who offers them and what failed to load."),
    Command("derive", "rephase.cli.derive", "Write a phase of one's own: a config of another with other parts."),
    Command("new-plugin", "rephase.cli.new_plugin", "Write a plugin of one's own that installs and passes the kit."),
    Command("tasks", "rephase.cli.tasks", "List the 30 tasks with their sizes, steps and origin."),
    Command("render", "rephase.cli.render", "Film a completed run's policy in its task, as GIF or MP4."),
    Command("vectors", "rephase.cli.vectors", "Recompute reference files here and say how far each quantity is off."),
    Command("doctor", "rephase.cli.doctor", "Say what this machine can do, one line each, with the remedy."),
    Command(
        "fetch", "rephase.cli.fetch", "Get a phase's checkpoint and data, by revision and digest, and verify them."
    ),
    Command(
        "import-dataset", "rephase.cli.datasets", "Turn chunk files of the MT30 dataset into a store, in little memory."
    ),
    Command("submit", "rephase.cli.submit", "Hand a phase to a SLURM queue, with a check when it has ended."),
    Command("image", "rephase.cli.image", "Build, verify or show the container image that runs are made in."),
    Command("export", "rephase.cli.export", "Export the completed runs of a phase as an RO-Crate."),
)
