"""Change one constant of the computation at a time: the reference files must notice, each in the right place."""

from __future__ import annotations

import fnmatch
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
import rephase_flow.policy
import rephase_flow.world_model
import rephase_mlp.policy
import rephase_mlp.world_model
import rephase_rk.methods
import torch
import torch.nn.functional as F  # noqa: N812
from attrs import evolve, frozen
from rephase_rk.runge_kutta import ButcherTableau, RungeKutta
from torch import nn

from rephase.engine import imagination, layer, learner, networks
from rephase.engine.critic import CriticEnsembles
from rephase.engine.statistics import RunningStatistics
from rephase.manifest.algorithm import Algorithm, Variant, Variants
from rephase.plugins.registry import discover
from rephase.vectors import parts
from rephase.vectors.builders import Builder
from rephase.vectors.replay import replay_folder

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
FLOW_MODEL = rephase_flow.world_model.FlowWorldModel
MLP_MODEL = rephase_mlp.world_model.MLPWorldModel


@frozen
class Mutation:
    """What to replace, the files that see it, quantities that must fail (each pattern at least once) and must not."""

    owner: object
    name: str
    make: object
    files: tuple[str, ...]
    fail: tuple[str, ...]
    hold: tuple[str, ...] = ()


def settings(**changes):
    """A mutation of the algorithm's own numbers."""
    return Builder, "algorithm", lambda real: lambda self, **more: evolve(real(self, **more), **changes)


def edge(real):
    def bins(self):
        found = real(self)
        return torch.linspace(found[0].item(), found[-1].item() + 1e-3, len(found), dtype=found.dtype)

    return bins


def swapped(real):
    def forward(self, x):
        layers = list(self)
        for linear, activation, norm in zip(*[iter(layers[:-1])] * 3, strict=True):
            x = activation(norm(linear(x)))
        return layers[-1](x)

    return forward


def unbiased(real):
    def update(self, values):
        real(self, values)
        self.var.mul_(values.shape[1] / max(1, values.shape[1] - 1))

    return update


def shortened_to(length):
    def make(real):
        def shorten(self, task):
            with torch.no_grad():
                norms = self.weight[task].norm(dim=-1, keepdim=True)
                self.weight[task] = torch.where(norms > length, self.weight[task] * length / norms, self.weight[task])

        return shorten

    return make


MUTATIONS = {
    "discount of rewards": Mutation(
        learner,
        "policy_loss",
        lambda real: lambda found, algorithm: real(found, evolve(algorithm, gamma=0.995)),
        ("actor_loss_mlpwm_mlppi",),
        ("detach_True/call0/loss", "*/loss_per_sample_before_rms", "detach_*/grad/mu_net.0.weight"),
        ("call0/rewards", "call0/target_values", "act_deterministic"),
    ),
    "discount everywhere": Mutation(
        *settings(gamma=0.99001), ("update_mlpwm_mlppi",), ("update0/target_values", "update0/metric/actor_loss")
    ),
    "exponent of the bootstrap": Mutation(
        imagination,
        "return_exponent",
        lambda real: lambda algorithm, horizon: horizon,
        ("actor_loss_flowwm_flowpi",),
        ("detach_*/call0/loss_per_sample_before_rms", "no_ret_rms_loss_call0"),
        ("call?/*", "act_deterministic"),
    ),
    "clipping of the actor": Mutation(
        *settings(actor_grad_norm=0.31),
        ("update_ragged_mlpwm_mlppi",),
        ("update0/params/actor/mu_net.0.weight",),
        ("update0/metric/actor_grad_norm", "update0/params/critic/*", "update?/ret_rms/count"),
    ),
    "offset of the clipping": Mutation(
        learner,
        "clip_by_run",
        lambda real: lambda parameters, largest: real(parameters, largest * (1 - 1e-4)),
        ("update_ragged_mlpwm_mlppi",),
        ("update?/params/critic/*", "update2/metric/actor_loss"),
        ("update0/metric/actor_grad_norm", "update0/metric/actor_loss"),
    ),
    "clipping of the world model": Mutation(
        *settings(model_grad_norm=20.0),
        ("update_finetune_mlpwm_mlppi",),
        ("update2/metric/wm_loss", "update1/params/wm/_reward.*"),
        # Adam's first step does not depend on the scale of its gradient.
        ("update0/metric/wm_grad_norm", "update0/params/wm/_reward.*"),
    ),
    "outer bin of the MLP model": Mutation(
        MLP_MODEL,
        "reward_bins",
        edge,
        ("wm_mlp",),
        ("reward_two_hot_inv", "logits_almost_two_hot_inv"),
        ("reward_logits", "next", "encode*"),
    ),
    "outer bin of the flow model": Mutation(
        FLOW_MODEL, "reward_bins", edge, ("wm_flow",), ("reward_almost_two_hot_inv",), ("next_*", "velocity*")
    ),
    "decoding of rewards": Mutation(
        parts, "symexp", lambda real: lambda x: x.exp() - 1, ("wm_mlp",), ("*_two_hot_inv",), ("*_almost_two_hot_inv",)
    ),
    "midpoint of flow matching": Mutation(
        torch,
        "full_like",
        lambda real: lambda x, value: real(x, 0.51 if value == 0.5 else value),
        ("flow_matching_loss",),
        ("midpoint/loss", "midpoint/grad_z_start"),
        ("uniform/*",),
    ),
    "direction of tau": Mutation(
        FLOW_MODEL,
        "velocity",
        lambda real: lambda self, z, a, tau, t: real(self, z, a, 1 - tau, t),
        ("wm_flow",),
        ("velocity", "next_euler_1", "next_heun_8"),
        ("encode", "reward_logits"),
    ),
    "order of the dynamics' inputs": Mutation(
        MLP_MODEL,
        "_joint",
        lambda real: lambda self, z, a, t: torch.cat([z, a, self._task_emb(t, z)], -1),
        ("wm_mlp", "wm_loss_mlp"),
        ("next", "reward_logits", "default/dynamics", "default/grad/_dynamics.0.weight"),
        ("encode", "cat_obs_emb"),
    ),
    "order of the flow reward's inputs": Mutation(
        FLOW_MODEL,
        "reward",
        lambda real: lambda self, z, a, t: self._reward(torch.cat([z, self._task_emb(t, z), a], -1)),
        ("wm_flow_linear_head",),
        ("reward_logits", "reward_logits_seq"),
        ("next_*", "velocity*"),
    ),
    "decay rates of Adam": Mutation(
        *settings(actor_betas=(0.9, 0.999)),
        ("update_mlpwm_mlppi",),
        ("update1/params/actor/*", "update2/metric/actor_loss"),
        # The bias-corrected first step does not depend on the rates.
        ("update0/params/actor/*", "update0/params/critic/*"),
    ),
    "offset of Adam": Mutation(
        *settings(adam_eps=1e-6), ("update_mlpwm_mlppi",), ("update0/params/critic/*",), ("update0/metric/actor_loss",)
    ),
    "order of norm and activation": Mutation(
        networks.NormedLinear,
        "forward",
        lambda real: lambda self, x: self.ln(self.activation(nn.Linear.forward(self, x))),
        ("wm_mlp",),
        ("encode", "next", "reward_logits"),
        ("cat_obs_emb", "logits_two_hot_inv"),
    ),
    "offset of layer normalisation": Mutation(
        networks,
        "normed_linear",
        lambda real: lambda x, parameters, eps, group: real(x, parameters, 1e-6, group),
        ("wm_flow",),
        ("encode", "velocity", "next_euler_1"),
        ("cat_obs_emb", "logits_two_hot_inv"),
    ),
    "activation": Mutation(
        layer,
        "mish_with_slope",
        lambda real: lambda x: (F.silu(x), real(x)[1]),
        ("wm_mlp",),
        ("encode", "next", "reward_logits"),
        ("cat_obs_emb",),
    ),
    "order of a policy's activation and norm": Mutation(
        type(networks.head(1, (1,), 1)),
        "forward",
        swapped,
        ("actor_mlp", "actor_flow"),
        ("mean", "det_heun_1", "velocity_tau0.3_at_z0"),
        ("logstd_after", "z0"),
    ),
    "group of SimNorm": Mutation(
        layer,
        "group_softmax",
        lambda real: lambda x, group: x.reshape(*x.shape[:-1], group, -1).softmax(-1).flatten(-2),
        ("wm_flow",),
        ("encode", "velocity"),
        ("reward_logits",),
    ),
    "floor of the Gaussian's deviation": Mutation(
        rephase_mlp.policy.GaussianPolicy,
        "constrain",
        lambda real: lambda self: self.logstd.data.clamp_(min=-1.4),
        ("actor_mlp",),
        ("logstd_after", "sample", "tanh_sample"),
        ("mean", "logstd_before"),
    ),
    "floor of the flow policy's deviation": Mutation(
        rephase_flow.policy.FlowPolicy, "constrain", lambda real: lambda self: None, ("actor_flow",), ("logstd_after",)
    ),
    "end of the schedule": Mutation(
        *settings(final_lr=0.0),
        ("schedule_and_running_stats", "update_mlpwm_flowpi"),
        ("lrs", "update0/lrs", "update0/params/actor/*"),
        ("rms?/*", "update0/metric/actor_loss"),
    ),
    "compounding schedule": Mutation(
        Algorithm,
        "learning_rate",
        lambda real: lambda self, first, epoch: first * (real(self, first, 1) / first) ** epoch,
        ("schedule_and_running_stats",),
        ("lrs",),
        ("rms?/*",),
    ),
    "length of embeddings": Mutation(
        networks.TaskEmbedding,
        "shorten",
        shortened_to(1 - 1e-6),
        ("wm_mlp", "update_mlpwm_mlppi"),
        ("task_emb_weight_after", "encode", "update0/task_emb_weight"),
        ("task_emb_weight_before",),
    ),
    "offset of the embeddings' length": Mutation(
        networks.TaskEmbedding, "shorten", shortened_to(1.0), ("wm_flow",), ("task_emb_weight_after",)
    ),
    "running variance": Mutation(
        RunningStatistics,
        "update",
        unbiased,
        ("schedule_and_running_stats", "actor_loss_mlpwm_flowpi"),
        ("rms?/var", "detach_True/call0/ret_rms_after/var", "detach_True/call0/loss"),
        ("rms0/mean", "rms?/count", "lrs", "no_ret_rms_loss_call0", "*/loss_per_sample_before_rms"),
    ),
    "weights of Heun's method": Mutation(
        rephase_rk.methods,
        "heun",
        lambda real: (
            lambda config: RungeKutta(ButcherTableau(2, ((), (Fraction(1),)), (Fraction(1, 3), Fraction(2, 3))))
        ),
        ("wm_flow", "actor_flow"),
        ("next_heun_4", "next_default_args", "det_heun_2"),
        ("next_euler_*", "det_euler_*", "velocity"),
    ),
    "minimum of the critics": Mutation(
        CriticEnsembles,
        "value",
        lambda real: lambda self, latent, **how: self.values(latent).mean(1),
        ("actor_loss_flowwm_mlppi",),
        ("call0/next_values", "call0/target_values", "detach_True/call0/loss"),
        ("call0/rewards", "call0/z"),
    ),
    "mixing of the targets": Mutation(
        parts,
        "lambda_targets",
        lambda real: lambda rewards, values, done, gamma, lam: real(rewards, values, done, gamma, lam * lam),
        ("critic_targets",),
        ("td-lambda/last_only", "td-lambda/random"),
        ("td-lambda/all_ones", "one-step/*"),
    ),
    "passes over the critics' data": Mutation(
        *settings(critic_iterations=7),
        ("update_flowwm_mlppi",),
        ("update0/params/critic/*", "update0/metric/value_loss"),
        ("update0/params/actor/*", "update0/target_values"),
    ),
    "chunks of the critics' data": Mutation(
        *settings(critic_batches=3), ("update_ragged_mlpwm_mlppi",), ("update0/params/critic/*",)
    ),
    "gradient of the embedding": Mutation(
        *settings(variants=Variants(task_embedding=Variant.CORRECTED)),
        ("update_finetune_flowwm_flowpi",),
        ("update0/params/wm/_task_emb.weight", "update1/metric/wm_grad_norm"),
        ("update0/metric/wm_grad_norm", "update0/metric/wm_loss"),
    ),
    "loss of the reward head": Mutation(
        *settings(variants=Variants(reward_loss=Variant.CORRECTED)),
        ("wm_loss_flow", "wm_loss_mlp"),
        ("default/reward", "default/total", "default/grad/_reward.*"),
        ("default/dynamics", "euler_2_midpoint/dynamics"),
    ),
}


@pytest.fixture(scope="module")
def registry():
    return discover()


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_changed_constant_is_found_out(name, monkeypatch, registry, tmp_path):
    mutation = MUTATIONS[name]
    for file in mutation.files:
        shutil.copy(REFERENCE / f"{file}.npz", tmp_path)
    assert all(check.ok for check in replay_folder(tmp_path, registry, torch.float64))
    monkeypatch.setattr(mutation.owner, mutation.name, mutation.make(getattr(mutation.owner, mutation.name)))
    checks = replay_folder(tmp_path, registry, torch.float64)
    failed = [check.quantity for check in checks if not check.ok]
    for pattern in mutation.fail:
        assert fnmatch.filter(failed, pattern), f"{pattern} did not notice; failed: {failed}"
    for pattern in mutation.hold:
        assert not fnmatch.filter(failed, pattern)
        assert fnmatch.filter([check.quantity for check in checks], pattern)
