"""The reference page of the commands, made from their parsers: `nox -s pages` writes it, a test compares it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rephase.cli.commands import COMMANDS, GROUPS, Command
from rephase.cli.main import parser_of

__all__ = ["PAGE", "page", "write"]

PAGE = "docs/reference/commands.md"
"""Where the page lies in a checkout."""

_HEAD = """# Commands

Written by `nox -s pages` from the commands themselves. Every command takes `--help`, and `--json` for output that
machines read. Exit codes: 0 done or reproduced, 1 deviates, 2 bad usage or manifest, 3 cannot run here or nothing to
judge yet, 4 inconclusive, 5 invalid, 70 a fault of rephase itself, 130 interrupted, 143 terminated.
"""


def page() -> str:
    """The page as Markdown; the same on every supported Python."""
    blocks = [_HEAD]
    for group in GROUPS:
        blocks.append(f"## {group.capitalize()}\n")
        blocks += [_section(command) for command in COMMANDS if command.group == group]
    return "\n".join(blocks)


def write(root: Path) -> None:
    """Write the page into a checkout.

    Args:
        root: Folder of the checkout.
    """
    (root / PAGE).write_text(page(), encoding="utf-8")


def _section(command: Command) -> str:
    lines = [f"### {command.name}\n", f"{command.summary}\n", f"```console\n$ {command.example}\n```\n"]
    rows = _rows(parser_of(command))
    if rows:
        lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _rows(parser: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                rows += [f"| `{name}` | {below.description or ''} |", *_rows(below)]
        elif not {"-h", "--json"} & set(action.option_strings):
            rows.append(f"| `{_shown(action)}` | {_escaped(action)} |")
    return rows


def _shown(action: argparse.Action) -> str:
    name = action.option_strings[-1] if action.option_strings else ""
    if action.nargs == 0:
        return name
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and not isinstance(action.metavar, str):
        value = ",".join(str(choice) for choice in action.choices)
    return f"{name} {value}".strip()


def _escaped(action: argparse.Action) -> str:
    text = (action.help or "") % {"default": action.default, "prog": "rephase"} if action.help else ""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
