"""The kit's promise: its tests run, fail loudly, or are expected failures with a reason; none is dropped in silence."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

EULER = """
import pytest
from rephase.testing import IntegratorConformance
from rephase_euler.offers import rephase_offers


class TestEuler(IntegratorConformance):
    @pytest.fixture
    def offer(self):
        return rephase_offers()[0]
"""


@pytest.fixture
def collected(pytester):
    def run(source, *arguments, conftest=""):
        pytester.makepyfile(test_part=source)
        if conftest:
            pytester.makeconftest(conftest)
        return pytester.runpytest_subprocess("--collect-only", "-q", "-p", "no:cacheprovider", *arguments)

    return run


def test_an_empty_subclass_and_one_fixture_are_enough(pytester):
    pytester.makepyfile(test_part=EULER)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=17)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "    test_converges_at_its_order = None\n",
            "TestEuler replaces the kit's test_converges_at_its_order; "
            "name it in expected_failures with a reason if the part is known to fail it",
        ),
        (
            "    def test_draws_nothing(self):\n        pass\n",
            "TestEuler replaces the kit's test_draws_nothing; "
            "name it in expected_failures with a reason if the part is known to fail it",
        ),
        ("    __test__ = False\n", "TestEuler hides the conformance kit by __test__; take that line out"),
        (
            "    expected_failures = {'test_nothing': 'because'}\n",
            "TestEuler.expected_failures names test_nothing, which is no kit test",
        ),
        (
            "    expected_failures = {'test_draws_nothing': ' '}\n",
            "TestEuler.expected_failures gives no reason for test_draws_nothing",
        ),
    ],
)
def test_hiding_a_kit_test_is_an_error(collected, line, words):
    result = collected(EULER + line)
    assert result.ret != 0
    assert words in result.stdout.str() + result.stderr.str()


def test_a_conftest_cannot_take_kit_tests_out(collected):
    thief = "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'order' not in i.name]\n"
    result = collected(EULER, conftest=thief)
    assert result.ret != 0
    assert "kit tests were taken out of the collection: test_part.py::TestEuler::" in (
        result.stdout.str() + result.stderr.str()
    )


def test_what_a_person_asks_for_on_the_command_line_is_left_alone(collected):
    result = collected(EULER, "-k", "order")
    assert result.ret == 0
    assert "test_converges_at_its_order" in result.stdout.str()


def test_an_expected_failure_needs_a_reason_and_must_fail(pytester):
    known = EULER + "    expected_failures = {'test_draws_nothing': 'it was seen to draw'}\n"
    pytester.makepyfile(test_part=known)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    # Euler draws nothing, so the expectation is wrong and says so.
    result.assert_outcomes(passed=16, failed=1)
    assert "[XPASS(strict)] it was seen to draw" in result.stdout.str()


def test_listing_tests_where_the_kit_is_installed_imports_no_torch(pytester):
    pytester.makepyfile(test_light="import sys\n\ndef test_light():\n    assert 'torch' not in sys.modules\n")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
