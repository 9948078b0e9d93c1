"""The kit for plugin authors: one fixture and an empty subclass give a part its tests.

In a plugin's tests::

    import pytest
    from rephase.testing import IntegratorConformance
    from rephase_euler.offers import rephase_offers

    class TestEuler(IntegratorConformance):
        @pytest.fixture
        def offer(self):
            return rephase_offers()[0]

The classes are loaded when they are asked for: pytest imports this package in every session where it is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["IntegratorConformance", "OfferConformance", "PolicyConformance", "TaskConformance", "WorldModelConformance"]

_HOMES = {
    "IntegratorConformance": "rephase.testing.integrators",
    "OfferConformance": "rephase.testing.offers",
    "PolicyConformance": "rephase.testing.policies",
    "TaskConformance": "rephase.testing.tasks",
    "WorldModelConformance": "rephase.testing.world_models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
