"""The table of commands, in the groups and the order in which `rephase --help` lists them.

See `rephase.cli.main` for how to add a command. Nothing is imported here.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["COMMANDS", "GROUPS", "Command"]

GROUPS: tuple[str, ...] = (
    "reproduce a phase",
    "look at what is there",
    "judge and audit",
    "make something new",
    "inputs, images and clusters",
    "this machine",
)
"""Headings of `rephase --help`, in their order."""


@frozen
class Command:
    """One command of ``rephase``.

    Args:
        name: The word typed after ``rephase``.
        module: Module with ``configure(parser)`` and ``run(arguments)``, imported only when the command is used.
        summary: One line for ``rephase --help``, starting with a verb.
        group: One of `GROUPS`.
        example: A command line that does something useful, shown by ``rephase COMMAND --help``.
    """

    name: str
    module: str
    summary: str
    group: str = ""
    example: str = ""


_REPRODUCE, _LOOK, _JUDGE, _MAKE, _PLACES, _MACHINE = GROUPS

COMMANDS: tuple[Command, ...] = (
    Command(
        "run",
        "rephase.cli.run",
        "Train and evaluate what is not done yet; Ctrl-C is safe.",
        _REPRODUCE,
        "rephase run phase3 --config baseline --task cheetah-run",
    ),
    Command(
        "rehearse",
        "rephase.cli.rehearse",
        "Walk a phase's whole path in minutes and say what all of its runs will need.",
        _REPRODUCE,
        "rephase rehearse phase3 --scale logged",
    ),
    Command(
        "check",
        "rephase.cli.check",
        "Say whether a phase came back: tables, verdict, exit code.",
        _REPRODUCE,
        "rephase check phase3",
    ),
    Command(
        "report",
        "rephase.cli.report",
        "Write a phase as one HTML page and as Markdown, from records alone.",
        _REPRODUCE,
        "rephase report phase3",
    ),
    Command(
        "evaluate",
        "rephase.cli.evaluate",
        "Play new episodes with kept policies, beside the protocol's.",
        _REPRODUCE,
        "rephase evaluate phase3 --episodes 100",
    ),
    Command(
        "record",
        "rephase.cli.record",
        "Turn completed runs into recorded outcomes.",
        _REPRODUCE,
        "rephase record phase3 --replace",
    ),
    Command("show", "rephase.cli.show", "Show what a phase means, or list the phases.", _LOOK, "rephase show phase3"),
    Command(
        "status", "rephase.cli.status", "Say where every run is in its life.", _LOOK, "rephase status phase3 --json"
    ),
    Command(
        "log",
        "rephase.cli.log",
        "Render a phase's runs as the log's own Markdown tables.",
        _LOOK,
        "rephase log phase3 --recorded",
    ),
    Command(
        "render",
        "rephase.cli.render",
        "Film a completed run's policy in its task, as GIF or MP4.",
        _LOOK,
        "rephase render baseline/walker-stand/seed-42",
    ),
    Command(
        "compare",
        "rephase.cli.compare",
        "Set two phases, scales or configs side by side, cell by cell.",
        _JUDGE,
        "rephase compare phase4 phase4-corrected",
    ),
    Command(
        "effects",
        "rephase.cli.effects",
        "Estimate main effects and interaction of a factorial phase.",
        _JUDGE,
        "rephase effects factorial --recorded",
    ),
    Command(
        "judge",
        "rephase.cli.judge",
        "Say whether any table came back in another: two files, no checkout.",
        _JUDGE,
        "rephase judge recorded.csv rerun.csv",
    ),
    Command(
        "plan",
        "rephase.cli.plan",
        "Say how many seeds a rerun needs, and what fewer can show.",
        _JUDGE,
        "rephase plan recorded.csv --shift 50",
    ),
    Command(
        "audit",
        "rephase.cli.audit",
        "Recompute what recorded outcomes, or a log's tables, say about themselves.",
        _JUDGE,
        "rephase audit",
    ),
    Command(
        "badge",
        "rephase.cli.badge",
        "List the artifact-badge conditions a phase's bundle meets and misses.",
        _JUDGE,
        "rephase badge phase3",
    ),
    Command(
        "derive",
        "rephase.cli.derive",
        "Write a phase of your own: a config of another with other parts.",
        _MAKE,
        "rephase derive phase3 phase3-rk4 --config flowpolicy --set policy.integrator.part=rk4",
    ),
    Command(
        "new-phase",
        "rephase.cli.new_phase",
        "Write a phase for parts, tasks and inputs of your own.",
        _MAKE,
        "rephase new-phase mine --world-model mlp --policy gaussian-mlp --task walker-stand"
        " --input episodes=reproductions/embedded/episodes-walker-stand.safetensors",
    ),
    Command(
        "pretrain",
        "rephase.cli.pretrain",
        "Make a small world model for a task that the shipped one does not know.",
        _MAKE,
        "rephase pretrain my-walk --task walker-run",
    ),
    Command(
        "new-plugin",
        "rephase.cli.new_plugin",
        "Write a plugin of your own that installs and passes the kit.",
        _MAKE,
        "rephase new-plugin my-solver --kind integrator",
    ),
    Command(
        "export",
        "rephase.cli.export",
        "Export the completed runs of a phase as an RO-Crate.",
        _MAKE,
        "rephase export phase3 --to phase3-crate",
    ),
    Command(
        "fetch",
        "rephase.cli.fetch",
        "Get a phase's checkpoint and data, by revision and digest, and verify them.",
        _PLACES,
        "rephase fetch phase3 --scale logged",
    ),
    Command(
        "import-dataset",
        "rephase.cli.datasets",
        "Turn chunk files of the MT30 dataset into a store, in little memory.",
        _PLACES,
        "rephase import-dataset inputs/mt30/chunk_0.pt --into inputs/mt30-store",
    ),
    Command(
        "submit",
        "rephase.cli.submit",
        "Hand a phase to a queue, with a check when it has ended.",
        _PLACES,
        "rephase submit phase3 --scale logged --dry-run",
    ),
    Command(
        "cancel",
        "rephase.cli.cancel",
        "End the jobs of a phase, or of some of its runs.",
        _PLACES,
        "rephase cancel phase3 --scale logged --config baseline",
    ),
    Command(
        "image",
        "rephase.cli.image",
        "Build, verify or show the container image that runs are made in.",
        _PLACES,
        "rephase image build rephase.sif",
    ),
    Command(
        "plugins",
        "rephase.cli.plugins",
        "List the installed parts, who offers them and what failed to load.",
        _MACHINE,
        "rephase plugins --kind integrator",
    ),
    Command(
        "tasks", "rephase.cli.tasks", "List the 30 tasks with their sizes, steps and origin.", _MACHINE, "rephase tasks"
    ),
    Command(
        "vectors",
        "rephase.cli.vectors",
        "Recompute reference files here and say how far each quantity is off.",
        _MACHINE,
        "rephase vectors tests/data/reference",
    ),
    Command(
        "doctor",
        "rephase.cli.doctor",
        "Say what this machine can do, one line each, with the remedy.",
        _MACHINE,
        "rephase doctor",
    ),
    Command(
        "completion",
        "rephase.cli.completion",
        "Print a completion script for bash, zsh or tcsh.",
        _MACHINE,
        "rephase completion bash",
    ),
)
