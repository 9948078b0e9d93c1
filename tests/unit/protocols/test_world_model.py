"""What the engine takes a world model for, by its methods."""

from __future__ import annotations

import pytest
from rephase_flow.world_model import FlowWorldModel
from rephase_mlp.recurrent import GaussianGRU
from rephase_mlp.world_model import MLPWorldModel

from rephase.protocols import Calibrated, OwnRewards, Recurrent, StepCalibrated, Stochastic, TwoHotRewards, WorldModel

ABILITIES = (TwoHotRewards, OwnRewards, Stochastic, Recurrent, Calibrated, StepCalibrated)


def methods(protocol: type) -> set[str]:
    return {name for one in protocol.__mro__[:-1] for name in vars(one) if not name.startswith("_")}


def abilities(kind: type) -> set[type]:
    return {protocol for protocol in ABILITIES if all(hasattr(kind, name) for name in methods(protocol))}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (MLPWorldModel, {TwoHotRewards, Calibrated}),
        (FlowWorldModel, {TwoHotRewards, Calibrated, StepCalibrated}),
        (GaussianGRU, {OwnRewards, Stochastic, Recurrent, Calibrated}),
    ],
)
def test_first_party_models_are_taken_for_what_they_are(kind: type, expected: set[type]) -> None:
    assert all(hasattr(kind, name) for name in methods(WorldModel))
    assert abilities(kind) == expected
