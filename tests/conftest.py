"""Where torch is not installed, tests that need it are skipped and say so; where it is, nothing is passed over."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from typing import Any

import pytest

REASON = "needs torch, which is not installed"


def pytest_configure(config: pytest.Config) -> None:
    if importlib.util.find_spec("torch") is None:
        config.pluginmanager.register(WithoutTorch())


class WithoutTorch:
    """A plugin of its own: hooks of this file are not called for a folder whose own conftest.py cannot be imported."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason=REASON))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        report = yield
        if report.failed and "No module named 'torch'" in str(report.longrepr):
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), None, f"Skipped: {REASON}")
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "torch":
            report.outcome = "skipped"
            report.longrepr = (str(item.path), None, f"Skipped: {REASON}")
        return report
