"""Auditing recorded outcomes: recomputing what a record says about itself, with nothing about any record built in.

`audit` is the door; `read_log` reads a log's Markdown tables into the values it takes.
"""

from __future__ import annotations

from rephase.judging.auditing.audit import audit, worst_first
from rephase.judging.auditing.findings import Finding, Standing
from rephase.judging.auditing.log_tables import Log, parse_log, read_log

__all__ = ["Finding", "Log", "Standing", "audit", "parse_log", "read_log", "worst_first"]
