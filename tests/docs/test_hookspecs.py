"""The hooks and offers as documented are the hooks and offers there are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import attrs
import pytest

from rephase.plugins import Kind, Offer, PhasesOffer, RunnerOffer, SectionOffer, TaskOffer, TrackerOffer, hookspecs

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")


def test_every_hook_has_a_heading_with_its_exact_arguments():
    hooks = {
        name: inspect.signature(one)
        for name, one in vars(hookspecs).items()
        if name.startswith("rephase_") and callable(one)
    }
    headings = re.findall(r"^## `(\w+)\((.*?)\)`$", PAGE, re.MULTILINE)
    assert dict(headings) == {name: ", ".join(signature.parameters) for name, signature in hooks.items()}


@pytest.mark.parametrize(
    ("hook", "offer"),
    [
        ("rephase_offers", Offer),
        ("rephase_phases", PhasesOffer),
        ("rephase_runners", RunnerOffer),
        ("rephase_sections", SectionOffer),
        ("rephase_tasks", TaskOffer),
        ("rephase_trackers", TrackerOffer),
    ],
)
def test_every_field_of_an_offer_is_in_its_table(hook, offer):
    section = PAGE.split(f"## `{hook}(")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert rows == [field.name for field in attrs.fields(offer)]


@pytest.mark.parametrize("kind", list(Kind), ids=str)
def test_every_kind_is_named(kind):
    assert f"`Kind.{kind.name}`" in PAGE
