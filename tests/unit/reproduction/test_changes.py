"""What a derived phase has otherwise is written as overrides of its configs, or where the manifest says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from rephase.errors import UsageError
from rephase.manifest import Phase
from rephase.reproduction.changes import Derivation, change_config, change_manifest, in_words
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def phase() -> Phase:
    return open_phase("phase3", "embedded", ROOT)


def overrides(phase: Phase, config: str = "flowpolicy", **wanted: Any) -> dict[str, Any]:
    document = tomlkit.parse(phase.file.read_text(encoding="utf-8"))
    change_config(document, phase, config, Derivation(**wanted))
    return dict(document["configs"][config].unwrap().get("overrides", {}))


def test_a_value_becomes_the_fewest_overrides(phase: Phase) -> None:
    assert overrides(phase, changes={"policy.integrator.part": "rk4"}) == {"policy.integrator.part": "rk4"}
    assert overrides(phase, changes={"policy.settings.substeps": 9}) == {"policy.settings.substeps": 9}


def test_a_value_as_it_was_and_one_of_the_manifest_change_no_config(phase: Phase) -> None:
    part = phase.configs["flowpolicy"].policy.part
    assert overrides(phase, changes={"policy.part": part, "algorithm.epochs": 3}) == {}


def test_another_part_leaves_the_settings_of_the_old_one_behind_whatever_the_order(phase: Phase) -> None:
    found = overrides(phase, changes={"policy.settings.units": [8], "policy.part": "gaussian-mlp"})
    assert found == {"policy": {"part": "gaussian-mlp", "settings": {"units": [8]}}}


def test_a_path_that_leads_nowhere_is_refused(phase: Phase) -> None:
    with pytest.raises(UsageError, match=r"--set"):
        overrides(phase, changes={"policy.nothing.there": 1})
    with pytest.raises(UsageError, match=r"'policy\.nothing' is not set"):
        overrides(phase, unset=("policy.nothing",))


MANIFEST = """
[algorithm]
epochs = 10
horizon = 2

[configs.baseline]
file = "baseline.toml"
algorithm = { epochs = 20, horizon = 3 }
"""


def changed(**wanted: Any) -> dict[str, Any]:
    document = tomlkit.parse(MANIFEST)
    change_manifest(document, ("baseline",), Derivation(**wanted))
    return document.unwrap()


def test_a_configs_own_value_gives_way_to_the_one_asked_for() -> None:
    found = changed(changes={"algorithm.epochs": 5, "evaluation.episodes": 2, "policy.part": "mine"})
    assert found["algorithm"] == {"epochs": 5, "horizon": 2}
    assert found["configs"]["baseline"]["algorithm"] == {"horizon": 3}
    assert found["evaluation"] == {"episodes": 2}
    assert "policy" not in found


def test_unset_takes_a_value_out_everywhere() -> None:
    found = changed(unset=("algorithm.epochs",))
    assert found["algorithm"] == {"horizon": 2}
    assert found["configs"]["baseline"]["algorithm"] == {"horizon": 3}


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"changes": {"seeds": [1]}}, "'seeds' is not to be changed so.*--seed"),
        ({"unset": ("tasks",)}, "--unset: 'tasks' is not to be changed so"),
        ({"changes": {"algorithm.epochs.more": 1}}, "'epochs' in 'algorithm.epochs.more' is no table"),
        ({"unset": ("algorithm.gamma",)}, "'algorithm.gamma' is not set"),
    ],
)
def test_what_has_an_option_of_its_own_or_is_not_there_is_refused(wanted: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        changed(**wanted)


def test_what_differs_in_words() -> None:
    wanted = Derivation(
        changes={"policy.part": "mine"}, unset=("algorithm.gamma",), tasks=("hopper-hop",), seeds=(1, 2)
    )
    assert in_words(wanted, False) == (
        'policy.part = "mine", algorithm.gamma at its default, tasks hopper-hop, seeds 1, 2'
    )
    assert in_words(Derivation(configs=("a", "b")), True) == "only a and b"
    assert in_words(Derivation(), False) == "nothing changed"
