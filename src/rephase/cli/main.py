"""The ``rephase`` command: finds the command asked for, imports only its module, and turns errors into exit codes.

To add a command:

1. Write ``src/rephase/cli/<command>.py`` with two functions and no heavy imports at module level::

       import argparse

       from rephase.cli.rendering import emit           # the only file that prints

       def configure(parser: argparse.ArgumentParser) -> None:
           parser.add_argument("task")                  # --json is there already

       def run(arguments: argparse.Namespace) -> int:
           from rephase.environments import find_task   # heavy imports here

           index = find_task(arguments.task).index
           emit(arguments, {"index": index}, f"task {index}")
           return 0                                     # the exit code

2. Add it to `rephase.cli.commands.COMMANDS`, with its group and an example.

Commands about a phase start with `rephase.cli.options.add_phase`, which gives PHASE, ``--scale``, ``--project`` and
``--runs``, and read them with `rephase.cli.options.phase_of`. Raise `rephase.errors.RephaseError` subclasses for
anything about the user's situation: they are printed as one clear message and end with their own exit code. Whatever
else is raised ends here too, in one line: `rephase.errors.understood` says what it means.

Exit codes: 0 done or reproduced, 1 deviates and nothing else, 2 bad usage or manifest, 3 cannot run here, 4
inconclusive, 5 invalid, 70 a bug of ours, 130 interrupted, 141 the reader of the output has gone, 143 terminated.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from typing import NoReturn

from rephase.cli.commands import COMMANDS, GROUPS, Command
from rephase.cli.rendering import complain, finish, is_reader_gone, say, tell
from rephase.errors import Bug, RephaseError, UnknownName, UsageError, understood

__all__ = ["main", "parser_of", "whole_parser"]

_SIGINT = 2
_SIGPIPE = 13
_EPILOG = (
    "exit codes: 0 done or reproduced, 1 deviates, 2 bad usage or manifest,\n"
    "3 cannot run here, 4 inconclusive, 5 invalid, 70 a bug of rephase, 130 interrupted"
)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are `UsageError` and not an exit."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        raise UsageError(message, where=self.prog, remedy=f"'{self.prog} --help' shows how to use it")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Leave as argparse does after ``--help``, but not by `SystemExit`, which a stranger's code raises too."""
        raise _Done(status)


class _Done(Exception):
    """A parser has said all there is to say."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        return _dispatch(words, is_process=argv is None)
    except _Done as done:
        return done.code
    except KeyboardInterrupt as stop:
        tell("rephase: interrupted; what was finished is kept, the same command goes on from there")
        return 128 + int(getattr(stop, "number", _SIGINT))
    except BaseException as error:  # the one end of everything else: nothing leaves as a traceback, or as exit code 1
        if isinstance(error, BrokenPipeError) and is_reader_gone():
            return 128 + _SIGPIPE
        return _end(understood(error), words, as_json)
    finally:
        finish()


def _end(error: RephaseError, words: list[str], as_json: bool) -> int:
    if isinstance(error, Bug):
        error = Bug(f"{error.problem}; this is a bug of rephase or of a plugin", remedy=_kept(error.trace, words))
    complain(error, as_json=as_json)
    return error.exit_code


def _kept(trace: str, words: list[str]) -> str:
    """Keep a traceback, with what whoever fixes it asks first, and say where."""
    from rephase import __version__

    text = f"rephase {__version__}, Python {platform.python_version()}\nrephase {shlex.join(words)}\n\n{trace}"
    try:
        descriptor, name = tempfile.mkstemp(prefix="rephase-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        return f"its traceback could not be kept ({error.strerror}), so report this line"
    return f"report it with its traceback, which is in {name}"


def parser_of(command: Command) -> argparse.ArgumentParser:
    """The parser of a command's arguments; its complaints are `UsageError`.

    Args:
        command: One of `rephase.cli.commands.COMMANDS`; its module is imported.
    """
    parser = _Parser(
        prog=f"rephase {command.name}",
        description=command.summary,
        epilog=f"example: {command.example}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _configure(parser, command)
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """One parser with every command as a subcommand, for tools that read parsers; imports every command's module."""
    whole = _Parser(prog="rephase")
    commands = whole.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        _configure(commands.add_parser(command.name, help=command.summary, description=command.summary), command)
    return whole


def _configure(parser: argparse.ArgumentParser, command: Command) -> None:
    importlib.import_module(command.module).configure(parser)
    if not any("--json" in action.option_strings for action in parser._actions):
        parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _dispatch(words: list[str], is_process: bool) -> int:
    if not words or words[0] in ("-h", "--help"):
        say(_overview().format_help().rstrip())
        return 0 if words else 2
    if words[0] == "--version":
        from rephase import __version__

        say(f"rephase {__version__}")
        return 0
    command = _find(words[0])
    arguments = parser_of(command).parse_args(words[1:])
    arguments.is_process = is_process  # whether the command may start its process again
    return int(importlib.import_module(command.module).run(arguments))


def _find(name: str) -> Command:
    for command in COMMANDS:
        if command.name == name:
            return command
    raise UnknownName("command", name, [command.name for command in COMMANDS], listing="rephase --help")


def _overview() -> argparse.ArgumentParser:
    blocks = []
    for group in GROUPS:
        lines = [f"  {command.name:<15} {command.summary}" for command in COMMANDS if command.group == group]
        blocks.append("\n".join([f"{group}:", *lines]))
    commands = "\n\n".join(blocks)
    return _Parser(
        prog="rephase",
        usage="rephase COMMAND [options]",
        description=f"Re-run the phases of an experiment log and say whether they come back.\n\n{commands}",
        epilog=_EPILOG + "\n'rephase COMMAND --help' explains one command; 'rephase --version' prints the version",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
