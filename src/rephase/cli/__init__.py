"""Words: one file a command; `rephase.cli.rendering` is the only file that prints."""

from __future__ import annotations
