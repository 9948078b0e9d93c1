"""The pytest side of the kit: assertion rewriting, and the promise that no kit test is dropped in silence.

A kit test can be marked as an expected failure, with a reason, in the subclass's ``expected_failures``; it cannot be
overridden, set to None, deselected by a conftest or hidden by ``__test__ = False``. What a person asks for on the
command line (``-k``, ``-m``, ``--deselect``, ``--lf``) is left alone.

The fixture `came_back` lets any project's tests hold a rerun's table against a committed one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from rephase.judging import TablesVerdict

__all__ = ["CameBack", "KitTests", "came_back"]

pytest.register_assert_rewrite(
    "rephase.testing.integrators",
    "rephase.testing.modules",
    "rephase.testing.offers",
    "rephase.testing.policies",
    "rephase.testing.tasks",
    "rephase.testing.world_models",
)


class KitTests:
    """Base of the kit's classes; its subclasses outside the kit are what pytest collects.

    Attributes:
        expected_failures: Reason by name of a kit test that is known to fail; strict, so that it must fail.
    """

    expected_failures: dict[str, str] = {}  # noqa: RUF012  (subclasses replace it, nobody changes it)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Refuse a subclass that hides a kit test, before it is collected."""
    if not (isinstance(obj, type) and issubclass(obj, KitTests)) or _is_kit(obj):
        return
    if not getattr(obj, "__test__", True):
        raise pytest.UsageError(f"{obj.__qualname__} hides the conformance kit by __test__; take that line out")
    promised = _promised(obj)
    for test, owner in promised.items():
        if getattr(obj, test, None) is not owner.__dict__[test]:
            raise pytest.UsageError(
                f"{obj.__qualname__} replaces the kit's {test}; "
                f"name it in expected_failures with a reason if the part is known to fail it"
            )
    for test, reason in obj.expected_failures.items():
        if test not in promised:
            raise pytest.UsageError(f"{obj.__qualname__}.expected_failures names {test}, which is no kit test")
        if not reason.strip():
            raise pytest.UsageError(f"{obj.__qualname__}.expected_failures gives no reason for {test}")


class CameBack(Protocol):
    """What the fixture `came_back` gives."""

    def __call__(
        self, recorded: str | Path, rerun: str | Path, *, or_inconclusive: bool = False, **options: Any
    ) -> TablesVerdict:
        """Fail the test unless a rerun's table came back.

        Args:
            recorded: File or folder of the recorded values.
            rerun: The same of the rerun.
            or_inconclusive: Whether INCONCLUSIVE will do, too.
            options: What else `rephase.judging.judge_tables` takes, such as ``returns`` or ``columns``.

        Returns:
            The verdict.
        """
        ...


@pytest.fixture(scope="session")
def came_back() -> CameBack:
    """Return a function that fails the test unless a rerun's table came back; see `CameBack`."""

    def check(
        recorded: str | Path, rerun: str | Path, *, or_inconclusive: bool = False, **options: Any
    ) -> TablesVerdict:
        from rephase.judging import Decision, judge_tables

        verdict = judge_tables(recorded, rerun, **options)
        accepted = {Decision.PASS, Decision.EXACT} | ({Decision.INCONCLUSIVE} if or_inconclusive else set())
        if verdict.decision not in accepted:
            pytest.fail(verdict.text, pytrace=False)
        return verdict

    return check


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Mark the expected failures, and refuse a collection from which somebody else took kit tests."""
    before = list(_kit_items(items))
    for item in before:
        reason = item.cls.expected_failures.get(item.originalname)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    yield
    if any(getattr(config.option, name, None) for name in ("keyword", "markexpr", "deselect", "lf", "stepwise")):
        return
    kept = set(items)
    gone = [item.nodeid for item in before if item not in kept]
    if gone:
        raise pytest.UsageError(f"kit tests were taken out of the collection: {', '.join(gone)}")


def _is_kit(cls: type) -> bool:
    return cls.__module__.startswith("rephase.testing")


def _promised(cls: type) -> dict[str, type]:
    """Kit tests a class inherits, each with the kit class that defines it."""
    return {
        name: base for base in reversed(cls.__mro__) if _is_kit(base) for name in vars(base) if name.startswith("test_")
    }


def _kit_items(items: Iterable[pytest.Item]) -> Generator[pytest.Function, None, None]:
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and item.cls is not None
            and issubclass(item.cls, KitTests)
            and item.originalname in _promised(item.cls)
        ):
            yield item
