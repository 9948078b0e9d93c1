"""Gives the engine that a submission was handed to, from the plugins that are installed. Imports no torch."""

from __future__ import annotations

from rephase.plugins.runners import build_runner, discover_runners
from rephase.protocols import Runner
from rephase.reproduction.sites import read_options
from rephase.reproduction.submissions import Submission

__all__ = ["engine_of"]


def engine_of(submission: Submission) -> Runner:
    """The runner of a submission, with the options it was submitted with.

    Args:
        submission: The submission.

    Raises:
        UnknownName: The plugin that offers it is not installed here.
        PluginError: It is at fault.
    """
    where = f"submission {submission.name}"
    offer = discover_runners().find(submission.runner, where)
    return build_runner(offer, read_options(offer, submission.options, where))
