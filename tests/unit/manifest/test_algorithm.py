from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from rephase.errors import ManifestError
from rephase.manifest.algorithm import Algorithm, Precision, Variant, Variants
from rephase.manifest.reading import structure

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "variants.md"


def test_variants_are_as_logged_until_told_otherwise():
    assert set(attrs.asdict(Variants()).values()) == {Variant.AS_LOGGED}
    assert set(attrs.asdict(Variants.corrected()).values()) == {Variant.CORRECTED}


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Variants)])
def test_each_defect_is_corrected_on_its_own(name):
    corrected = Variants(**{name: "corrected"})
    values = attrs.asdict(corrected)
    assert values.pop(name) is Variant.CORRECTED
    assert set(values.values()) == {Variant.AS_LOGGED}


def test_text_that_is_no_variant_is_refused():
    with pytest.raises(ValueError, match="'mended' is not a valid Variant"):
        Variants(bootstrap="mended")
    with pytest.raises(ManifestError) as caught:
        structure({"variants": {"bootstrap": "mended"}}, Algorithm, "phase.toml")
    assert str(caught.value) == (
        "phase.toml: variants.bootstrap: expected one of 'as-logged', 'corrected', found text 'mended'; "
        "write one of them"
    )


def test_a_precision_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(ManifestError) as caught:
        structure({"precision": "float16"}, Algorithm, "phase.toml")
    assert str(caught.value) == (
        "phase.toml: precision: expected one of 'float32', 'tf32', 'bfloat16', found text 'float16'; "
        "did you mean 'bfloat16'?"
    )


@pytest.mark.parametrize(
    "place",
    [*(f"algorithm.variants.{field.name}" for field in attrs.fields(Variants)), "velocity_head", "evaluation.plan"],
)
def test_every_variant_stands_on_the_page(place):
    assert f"| `{place}`" in PAGE.read_text()


def test_learning_rates_fall_on_a_line_from_the_first_to_the_final_one():
    algorithm = Algorithm(epochs=10_000)
    assert algorithm.learning_rate(5e-4, 0) == 5e-4
    assert algorithm.learning_rate(5e-4, 5_000) == pytest.approx((5e-4 + 1e-5) / 2)
    assert algorithm.learning_rate(3e-4, 10_000) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"horizon": 0},
        {"gamma": 0.0},
        {"gamma": 1.01},
        {"lam": 1.0},
        {"actor_lr": 0.0},
        {"actor_betas": (0.9,)},
        {"critic_betas": (0.9, 1.0)},
        {"critic_units": (400, 0)},
        {"critics": 0},
        {"precision": "float16"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_values_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        Algorithm(**wrong)


def test_an_undiscounted_horizon_and_one_step_mixing_are_values_like_others():
    algorithm = Algorithm(gamma=1.0, lam=0.0, precision="tf32")
    assert (algorithm.gamma, algorithm.lam, algorithm.precision) == (1.0, 0.0, Precision.TF32)
