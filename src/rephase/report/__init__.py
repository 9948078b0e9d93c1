"""Pictures and pages from records alone: one self-contained HTML file, and Markdown for a pull request.

What is named here is imported when it is used: a verdict on two tables has a page without needing phases or plugins.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rephase.report.content import Report, gather
    from rephase.report.page import html_page
    from rephase.report.pull_request import markdown_page

__all__ = ["Report", "gather", "html_page", "markdown_page"]

_MODULES = {"Report": "content", "gather": "content", "html_page": "page", "markdown_page": "pull_request"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
