"""Pictures and pages from records alone: one self-contained HTML file, and Markdown for a pull request."""

from __future__ import annotations

from rephase.report.content import Report, gather
from rephase.report.page import html_page
from rephase.report.pull_request import markdown_page

__all__ = ["Report", "gather", "html_page", "markdown_page"]
