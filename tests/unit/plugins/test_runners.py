"""Runners are offered by a hook of their own, and what is built is one."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from rephase.errors import PluginError
from rephase.plugins import RunnerOffer
from rephase.plugins.runners import build_runner, discover_runners


@frozen
class Options:
    qos: str = ""


class Whole:
    def __init__(self, options: Options) -> None:
        self.options = options

    def version(self) -> str:
        return "1"

    def text(self, job: Any) -> str:
        return ""

    refusal = text

    def submit(self, job: Any, after: Any = ()) -> Any: ...

    def release(self, jobs: Any) -> None: ...

    cancel = states = release


class Half:
    def __init__(self, options: Options) -> None: ...


def offer(kind: type) -> RunnerOffer:
    return RunnerOffer(name="mine", summary="", options=Options, loader=f"{__name__}:{kind.__name__}")


def test_a_runner_is_built_with_its_options() -> None:
    runner = build_runner(offer(Whole), Options(qos="short"))
    assert isinstance(runner, Whole)
    assert runner.options.qos == "short"


def test_what_lacks_a_method_is_named_with_its_loader() -> None:
    with pytest.raises(PluginError, match=r"runner mine: .*:Half built Half, which is no rephase\.protocols\.Runner"):
        build_runner(offer(Half), Options())


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert discover_runners([]).offered == ()
