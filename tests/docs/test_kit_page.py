"""The kit's page: its sample runs, and every class is in its table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rephase.testing

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "conformance-kit.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.torch
def test_the_sample_passes(pytester):
    sample = re.search(r"```python\n(import pytest.*?)```", PAGE, re.DOTALL)
    assert sample
    pytester.makepyfile(test_sample=sample[1])
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=17)


def test_every_class_is_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == rephase.testing.__all__
