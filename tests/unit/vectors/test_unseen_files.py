from __future__ import annotations

import making
import pytest
import torch

from rephase.plugins.registry import discover
from rephase.vectors.replay import replay_file

TINY = {"batch": 1, "num_critics": 1, "units": [6], "encoder_units": [5], "actor_units": [6], "critic_units": [5]}
DEEP = {"units": [8, 7, 9], "encoder_units": [6, 7, 8], "actor_units": [8, 7, 6, 5], "critic_units": [8, 7, 6]}
OTHER = {"num_critics": 5, "num_tasks": 2, "action_dims": [2, 4], "act_dim": 4, "obs_dim": 7, "simnorm_dim": 6}
FEW = {"horizon": 1, "num_critics": 2, "gamma": 0.5, "num_bins": 2, "latent_dim": 4, "simnorm_dim": 2}
RK4 = {"flow_integrator_wm": "rk4", "flow_substeps_wm": 1, "flow_integrator_pi": "midpoint", "flow_substeps_pi": 3}
TIGHT = {"actor_grad_norm": 0.05, "critic_grad_norm": 0.1, "wm_grad_norm": 0.02, "actor_lr": 3e-3, "critic_batches": 5}
WIDE = {"latent_dim": 48, "units": [64], "batch": 33, "horizon": 6, "num_bins": 101, "vmin": -10.0, "vmax": 10.0}

FILES = {
    "wm mlp": (making.make_world_model, {"wm": "mlp"}),
    "wm mlp tiny": (making.make_world_model, {"wm": "mlp", **TINY}),
    "wm mlp other": (making.make_world_model, {"wm": "mlp", **OTHER}),
    "wm flow": (making.make_world_model, {"wm": "flow"}),
    "wm flow deep": (making.make_world_model, {"wm": "flow", **DEEP}),
    "wm flow few": (making.make_world_model, {"wm": "flow", **FEW}),
    "wm linear": (making.make_world_model, {"wm": "linear", **WIDE}),
    "wm linear tiny": (making.make_world_model, {"wm": "linear", **TINY}),
    "loss mlp": (making.make_model_loss, {"wm": "mlp", **DEEP}),
    "loss flow": (making.make_model_loss, {"wm": "flow", **OTHER}),
    "loss flow tiny": (making.make_model_loss, {"wm": "flow", **TINY}),
    "loss linear": (making.make_model_loss, {"wm": "linear", **RK4}),
    "flow matching": (making.make_flow_matching, {"gamma_t": 0.5}),
    "flow matching linear": (making.make_flow_matching, {"wm": "linear", **TINY}),
    "actor mlp": (making.make_actor, {"pi": "mlp"}),
    "actor mlp deep": (making.make_actor, {"pi": "mlp", **DEEP}),
    "actor flow": (making.make_actor, {"pi": "flow"}),
    "actor flow tiny": (making.make_actor, {"pi": "flow", **TINY}),
    "actor flow with another floor": (making.make_actor, {"pi": "flow", "min_logstd": -2.0}),
    "critic": (making.make_critic, OTHER),
    "critic alone": (making.make_critic, TINY),
    "critic deep": (making.make_critic, DEEP),
    "targets": (making.make_targets, {"horizon": 7, "gamma": 0.8, "lam": 0.5}),
    "targets few": (making.make_targets, FEW),
    "targets undiscounted": (making.make_targets, {"gamma": 1.0, "lam": 0.0}),
    "schedule": (making.make_schedule, {"max_epochs": 37}),
    "schedule of twelve batches": (making.make_schedule, {"batches": 12}),
    "policy loss mlp mlp": (making.make_actor_loss, {"wm": "mlp", "pi": "mlp", **DEEP}),
    "policy loss mlp flow": (making.make_actor_loss, {"wm": "mlp", "pi": "flow", **FEW}),
    "policy loss flow mlp": (making.make_actor_loss, {"wm": "flow", "pi": "mlp", "calls": 4}),
    "policy loss flow flow": (making.make_actor_loss, {"wm": "flow", "pi": "flow", **OTHER}),
    "policy loss linear flow": (making.make_actor_loss, {"wm": "linear", "pi": "flow", **RK4}),
    "policy loss tiny": (making.make_actor_loss, {**TINY, "calls": 1}),
    "update mlp mlp": (making.make_updates, {"wm": "mlp", "pi": "mlp", **OTHER}),
    "update mlp flow": (making.make_updates, {"wm": "mlp", "pi": "flow", **DEEP}),
    "update flow mlp": (making.make_updates, {"wm": "flow", "pi": "mlp", "updates": 5}),
    "update flow flow": (making.make_updates, {"wm": "flow", "pi": "flow", **RK4}),
    "update ragged and tight": (making.make_updates, {"wm": "mlp", "pi": "mlp", **TIGHT}),
    "update tiny": (making.make_updates, {**TINY, "horizon": 4, "updates": 1}),
    "update undiscounted": (making.make_updates, {"gamma": 1.0}),
    "update finetune mlp": (making.make_updates, {"wm": "mlp", "finetune_wm": True, **OTHER, **TIGHT}),
    "update finetune flow": (making.make_updates, {"wm": "flow", "pi": "flow", "finetune_wm": True, **DEEP}),
    "update finetune linear": (making.make_updates, {"wm": "linear", "finetune_wm": True, "updates": 4, **RK4}),
}


@pytest.fixture(scope="module")
def registry():
    return discover()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_any_size_is_reproduced(name, registry, tmp_path):
    make, settings = FILES[name]
    path = tmp_path / "unseen.npz"
    make(path, 100 + list(FILES).index(name), **settings)
    # The second implementation agrees far better than the tolerance asks, so nothing passes by luck.
    for dtype, largest in ((torch.float32, 5e-5), (torch.float64, 1e-11)):
        checks = replay_file(path, registry, dtype)
        assert [check for check in checks if not check.ok] == []
        assert max(check.max_rel for check in checks) < largest
