"""What every offer must do, whatever its kind, as tests."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import attrs
import cattrs
import pytest

from rephase.errors import ManifestError
from rephase.manifest.reading import structure
from rephase.plugins import Offer
from rephase.plugins.registry import discover
from rephase.testing.plugin import KitTests

__all__ = ["OfferConformance", "built_config"]


class OfferConformance(KitTests):
    """Tests of an offer; supply the fixture ``offer``, and ``settings`` where defaults do not do."""

    @pytest.fixture
    def offer(self) -> Offer:
        """The offer under test; every subclass supplies its own."""
        pytest.fail("supply a fixture named offer that returns the rephase.plugins.Offer under test", pytrace=False)

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        """Settings to build the part with; small ones make the tests fast."""
        return {}

    def test_is_installed(self, offer: Offer) -> None:
        """The offer is found through the entry points, and nobody else offers its name."""
        registry = discover()
        found = registry.find(offer.kind, offer.name)
        assert found.offer == offer, f"another {offer.kind} named {offer.name!r} is installed by {found.source}"

    def test_says_what_it_is_in_one_line(self, offer: Offer) -> None:
        """The summary fits a listing."""
        assert offer.summary.strip(), "the summary is empty"
        assert "\n" not in offer.summary and len(offer.summary) <= 100, "the summary is longer than one line of 100"

    def test_config_is_frozen_and_survives_a_round_trip(self, offer: Offer, settings: dict[str, Any]) -> None:
        """The settings written out and read back strictly are the same settings."""
        config = built_config(offer, settings)
        assert _is_frozen(offer.config), f"{offer.config.__name__} must be a frozen attrs class"
        written = cattrs.Converter().unstructure(config)
        assert structure(written, offer.config, offer.name) == config, "settings change when written and read back"

    def test_config_refuses_unknown_settings(self, offer: Offer, settings: dict[str, Any]) -> None:
        """A misspelt setting is an error and not passed over."""
        with pytest.raises(ManifestError):
            structure({**settings, "no_such_setting": 1}, offer.config, offer.name)

    def test_is_listed_without_torch(self, offer: Offer) -> None:
        """The module that offers the part imports on a machine without torch."""
        modules = {offer.config.__module__, *_offering_modules(offer)}
        for module in sorted(modules):
            code = f"import sys; sys.modules['torch'] = None; import {module}"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{module} needs torch to be listed: {done.stderr.strip().splitlines()[-1]}"

    def test_its_builder_loads(self, offer: Offer) -> None:
        """The loader names something that can be called."""
        assert callable(offer.load()), f"{offer.loader} is not callable"


def built_config(offer: Offer, settings: dict[str, Any]) -> Any:
    """The offer's config class filled from plain settings, as a manifest would."""
    return structure(settings, offer.config, offer.name)


def _is_frozen(config: type) -> bool:
    return attrs.has(config) and config.__setattr__ is not object.__setattr__


def _offering_modules(offer: Offer) -> list[str]:
    registry = discover()
    return [one.source.module.split(":")[0] for one in registry.offered if one.offer == offer]
