"""What the engine takes a policy for, by its methods."""

from __future__ import annotations

import pytest
from rephase_flow.matched import MatchedFlowPolicy
from rephase_flow.policy import FlowPolicy
from rephase_mlp.policy import GaussianPolicy

from rephase.protocols import OwnLoss, Policy


def has(kind: type, protocol: type) -> bool:
    return all(callable(getattr(kind, name, None)) for name in vars(protocol) if not name.startswith("_"))


@pytest.mark.parametrize("kind", [GaussianPolicy, FlowPolicy, MatchedFlowPolicy])
def test_first_party_policies_have_every_method(kind: type) -> None:
    assert has(kind, Policy)
    assert has(kind, OwnLoss) == (kind is MatchedFlowPolicy)


def test_a_loss_of_its_own_does_not_make_a_policy() -> None:
    class LossAlone:
        def own_loss(self) -> None: ...
        def own_loss_draws(self) -> None: ...

    assert isinstance(LossAlone(), OwnLoss)
    assert not isinstance(LossAlone(), Policy)
