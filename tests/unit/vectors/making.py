"""Makes reference files of every kind in any size, computed by the second implementation beside it."""

from __future__ import annotations

import numpy as np
import torch
from independent import (
    COMMON,
    Actor,
    Model,
    Statistics,
    Trainer,
    clear,
    critic,
    flow_matching,
    lowest,
    model_loss,
    roll_out,
    targets,
)

METHODS = [(method, k) for method in ("euler", "heun", "midpoint", "rk4") for k in (1, 3)]


class Maker:
    """Makes one file.

    Args:
        seed: Of everything drawn.
        wm: ``mlp``, ``flow`` or ``linear`` (a flow model with a plain last velocity layer).
        pi: ``mlp`` or ``flow``.
        changes: Settings that differ from the common ones.
    """

    def __init__(self, seed, wm="mlp", pi="mlp", **changes):
        self.cfg = {**COMMON, **changes}
        if pi == "mlp" and "min_logstd" not in changes:
            self.cfg["min_logstd"] = -1.427
        self.draw = np.random.default_rng(seed)
        self.wm, self.pi = wm, pi
        self.arrays = {f"cfg/{name}": np.array(value) for name, value in self.cfg.items()}

    def normal(self, *shape):
        return self.draw.normal(size=shape).astype(np.float32)

    def uniform(self, *shape):
        return self.draw.uniform(size=shape).astype(np.float32)

    def task(self, *shape):
        return self.draw.integers(self.cfg["num_tasks"], size=shape)

    def linear(self, out, inner, *lead):
        return (0.9 * self.normal(*lead, out, inner) / np.sqrt(inner)).astype(np.float32), 0.1 * self.normal(*lead, out)

    def norm(self, width, *lead):
        return (1 + 0.2 * self.normal(*lead, width)).astype(np.float32), 0.1 * self.normal(*lead, width)

    def world_model(self, *only):
        c, found = self.cfg, {}
        latent, joint = c["latent_dim"], c["latent_dim"] + c["act_dim"] + c["task_dim"]
        towers = {"_encoder": (c["obs_dim"] + c["task_dim"], c["encoder_units"], latent, True)}
        if self.wm == "mlp":
            towers["_dynamics"] = (joint, c["units"], latent, True)
        else:
            towers["_velocity"] = (joint + 1, c["units"], latent, self.wm == "flow")
        towers["_reward"] = (joint, c["units"], c["num_bins"], False)
        for name, (inner, units, out, normed) in towers.items():
            for i, width in enumerate([*units, out]):
                layer = f"{name}.{i}"
                found[f"{layer}.weight"], found[f"{layer}.bias"] = self.linear(width, inner)
                if i < len(units) or normed:
                    found[f"{layer}.ln.weight"], found[f"{layer}.ln.bias"] = self.norm(width)
                inner = width
        found["_task_emb.weight"] = 0.8 * self.normal(c["num_tasks"], c["task_dim"])
        if only:
            found = {name: value for name, value in found.items() if name.split(".")[0] in only}
        return self.keep("wm", found)

    def actor(self):
        c, flow = self.cfg, self.pi == "flow"
        logstd = 0.3 * self.normal(c["act_dim"]) - 1
        logstd[0] = c["min_logstd"] - 0.5
        found = {"init_logstd" if flow else "logstd": logstd.astype(np.float32)}
        inner = c["latent_dim"] + (c["act_dim"] + 1 if flow else 0)
        name = "velocity_net" if flow else "mu_net"
        for i, width in enumerate(c["actor_units"]):
            found[f"{name}.{3 * i}.weight"], found[f"{name}.{3 * i}.bias"] = self.linear(width, inner)
            found[f"{name}.{3 * i + 2}.weight"], found[f"{name}.{3 * i + 2}.bias"] = self.norm(width)
            inner = width
        last = 3 * len(c["actor_units"])
        found[f"{name}.{last}.weight"], found[f"{name}.{last}.bias"] = self.linear(c["act_dim"], inner)
        return self.keep("actor", found)

    def critics(self):
        c, found, inner = self.cfg, [], self.cfg["latent_dim"]
        for width in c["critic_units"]:
            found += [*self.linear(width, inner, c["num_critics"]), *self.norm(width, c["num_critics"])]
            inner = width
        found += self.linear(1, inner, c["num_critics"])
        return self.keep("critic", {f"params.{j}": value for j, value in enumerate(found)})

    def keep(self, owner, params):
        self.arrays |= {f"params/{owner}/{name}": np.asarray(p, np.float32) for name, p in params.items()}

    def params(self, owner, dtype):
        prefix = f"params/{owner}/"
        return {
            key.removeprefix(prefix): torch.tensor(value, dtype=dtype, requires_grad=True)
            for key, value in self.arrays.items()
            if key.startswith(prefix)
        }

    def given(self, **inputs):
        self.arrays |= {f"in/{name}": value for name, value in inputs.items()}

    def input(self, name, dtype):
        value = torch.tensor(self.arrays[f"in/{name}"])
        return value.to(dtype) if value.is_floating_point() else value

    def save(self, path, compute):
        """Run ``compute(dtype) -> {name: tensor}`` in both types and write the file."""
        for prefix, dtype in (("out", torch.float32), ("out64", torch.float64)):
            for name, value in compute(dtype).items():
                self.arrays[f"{prefix}/{name}"] = value.detach().to(dtype).numpy().copy()
        np.savez(path, **self.arrays)

    def latents(self, *lead):
        c = self.cfg
        raw = np.exp(self.normal(*lead, c["latent_dim"] // c["simnorm_dim"], c["simnorm_dim"]))
        return (raw / raw.sum(-1, keepdims=True)).reshape(*lead, c["latent_dim"]).astype(np.float32)


def make_world_model(path, seed, **kind):
    m = Maker(seed, **kind)
    c = m.cfg
    h, b, o, a, latent = (c[name] for name in ("horizon", "batch", "obs_dim", "act_dim", "latent_dim"))
    m.world_model()
    m.given(obs_seq=m.normal(h + 1, b, o), act_seq=m.normal(h, b, a), task=m.task(b), z=m.latents(b))
    m.given(z_free=m.normal(b, latent), a=m.normal(b, a), logits=3 * m.normal(b, c["num_bins"]), tau=m.uniform(b, 1))

    def compute(dtype):
        wm = Model(c, m.params("wm", dtype))
        names = ("obs_seq", "act_seq", "task", "z", "z_free", "a", "logits")
        obs, act, t, z, free, action, logits = (m.input(name, dtype) for name in names)
        found = {"task_emb_weight_before": wm.p["_task_emb.weight"].detach().clone()}
        sequence, reward = wm.encode(obs, t), wm.reward(z, action, t)
        full = lambda x: torch.sign(x) * (torch.exp(torch.abs(x)) - 1)  # noqa: E731
        found |= {
            "cat_obs_emb": torch.cat([obs[0], wm.embed(obs[0], t)], -1),
            "encode": wm.encode(obs[0], t),
            "encode_seq": sequence,
            "encode_int_task0": wm.encode(obs[0], t[:1].expand(b)),
            "reward_logits": reward,
            "reward_logits_seq": wm.reward(sequence[:-1], act, t),
            "reward_almost_two_hot_inv": wm.almost(reward),
            "reward_two_hot_inv": full(wm.almost(reward)),
            "logits_almost_two_hot_inv": wm.almost(logits),
            "logits_two_hot_inv": full(wm.almost(logits)),
            "step_next": wm.next(z, action, t, "heun", 2),
            "step_reward_logits": reward,
            "task_emb_weight_after": wm.p["_task_emb.weight"],
            "action_masks": torch.tensor([[float(j < d) for j in range(a)] for d in c["action_dims"]]),
        }
        if not wm.flow:
            return found | {"next": wm.next(z, action, t), "next_free": wm.next(free, action, t)}
        tau = m.input("tau", dtype)
        found |= {"velocity": wm.velocity(z, action, tau, t), "velocity_free": wm.velocity(free, action, tau, t)}
        found |= {f"next_{method}_{k}": wm.next(z, action, t, method, k) for method, k in METHODS}
        return found | {"next_default_args": wm.next(z, action, t, "heun", 1)}

    m.save(path, compute)


def make_model_loss(path, seed, **kind):
    m = Maker(seed, **kind)
    c = m.cfg
    h, b = c["horizon"], c["batch"]
    m.world_model()
    m.given(obs=m.normal(h + 1, b, c["obs_dim"]), act=m.normal(h, b, c["act_dim"]), rew=m.normal(h, b, 1))
    m.given(task=m.task(b), tau=m.uniform(h, b, 1))

    def compute(dtype):
        found = {}
        cases = {"default": (None, None, False), "rk4_2": ("rk4", 2, False), "euler_3_midpoint": ("euler", 3, True)}
        for case, (method, k, midpoint) in list(cases.items())[: 1 if m.wm == "mlp" else 3]:
            wm = Model(c, m.params("wm", dtype))
            tau = None if midpoint else m.input("tau", dtype)
            losses = model_loss(c, wm, *(m.input(n, dtype) for n in ("obs", "act", "rew", "task")), tau, method, k)
            losses[0].backward()
            found |= {f"{case}/{name}": x for name, x in zip(("total", "dynamics", "reward"), losses, strict=True)}
            found |= {f"{case}/grad/{name}": p.grad for name, p in wm.p.items()}
        return found

    m.save(path, compute)


def make_flow_matching(path, seed, **kind):
    m = Maker(seed, **{"wm": "flow"} | kind)
    c = m.cfg
    b, latent = c["batch"], c["latent_dim"]
    m.world_model("_velocity", "_task_emb")
    m.given(z_start=m.normal(b, latent), z_target=m.normal(b, latent), a=m.normal(b, c["act_dim"]), task=m.task(b))
    m.given(tau=m.uniform(b, 1))

    def compute(dtype):
        found = {}
        for case in ("uniform", "midpoint"):
            wm = Model(c, m.params("wm", dtype))
            start, target = (m.input(name, dtype).requires_grad_() for name in ("z_start", "z_target"))
            tau = m.input("tau", dtype) if case == "uniform" else None
            a, t = m.input("a", dtype), m.input("task", dtype)
            loss = flow_matching(wm, start, target, a, t, tau, c["gamma_t"])
            loss.backward()
            found |= {f"{case}/loss": loss, f"{case}/grad_z_start": start.grad, f"{case}/grad_z_target": target.grad}
            found |= {f"{case}/grad/{name}": p.grad for name, p in wm.p.items()}
        return found

    m.save(path, compute)


def make_actor(path, seed, **kind):
    m = Maker(seed, **kind)
    c = m.cfg
    m.actor()
    m.given(z=m.latents(c["batch"]), eps=m.normal(c["batch"], c["act_dim"]), eps2=m.normal(c["batch"], c["act_dim"]))

    def compute(dtype):
        pi = Actor(c, m.params("actor", dtype))
        z, eps, other = (m.input(name, dtype) for name in ("z", "eps", "eps2"))
        found = {"logstd_before": pi.logstd.detach().clone()}
        found["mean" if not pi.flow else "det_heun_2"] = pi(z, None, "heun", 2)
        found["logstd_after"] = pi.logstd
        if not pi.flow:
            return found | {"sample": pi(z, eps), "tanh_sample": torch.tanh(pi(z, eps))}
        start = eps * pi.logstd.exp()
        found |= {"z0": start, "velocity_tau0.25_at_z0": pi.velocity(z, start, 0.25)}
        found |= {f"det_{method}_{k}": pi(z, None, method, k) for method, k in METHODS}
        found |= {f"sample_{method}_{k}": pi(z, eps, method, k) for method, k in METHODS}
        return found | {"forward_sample_rk4_3": pi(z, other, "rk4", 3)}

    m.save(path, compute)


def make_critic(path, seed, **kind):
    m = Maker(seed, **kind)
    c, n = m.cfg, 5
    m.critics()
    m.given(z=m.latents(c["batch"]), batch_obs=m.latents(n, 1), batch_target=m.normal(n, 1))

    def compute(dtype):
        p, z = m.params("critic", dtype), m.input("z", dtype)
        x, y = m.input("batch_obs", dtype)[:, 0], m.input("batch_target", dtype)[:, 0]
        values = torch.stack([critic(p, index, z) for index in range(c["num_critics"])])
        clear(p)
        loss = torch.stack([(critic(p, index, x) - y).square() for index in range(c["num_critics"])]).mean()
        loss.backward()
        found = {"values": values[..., None], "min_value": lowest(p, z), "loss": loss}
        found |= {f"single_{index}": value[:, None] for index, value in enumerate(values)}
        return found | {f"grad/{name}": value.grad for name, value in p.items()}

    m.save(path, compute)


def make_targets(path, seed, **kind):
    m = Maker(seed, **kind)
    shape = m.cfg["horizon"], m.cfg["batch"]
    last = np.zeros(shape, np.float32)
    last[-1] = 1
    m.given(rew=m.normal(*shape), next_values=m.normal(*shape), done_all_ones=np.ones(shape, np.float32))
    m.given(done_last_only=last, done_random=(m.uniform(*shape) < 0.4).astype(np.float32))

    def compute(dtype):
        r, v, found = m.input("rew", dtype), m.input("next_values", dtype), {}
        for name in ("all_ones", "last_only", "random"):
            done = m.input(f"done_{name}", dtype)
            found[f"td-lambda/{name}"] = targets(r, v, done, m.cfg["gamma"], m.cfg["lam"])
            found[f"one-step/{name}"] = r + m.cfg["gamma"] * v
        return found

    m.save(path, compute)


def make_schedule(path, seed, batches=4, **kind):
    m = Maker(seed, **kind)
    m.given(epochs=np.arange(m.cfg["max_epochs"] + 1))
    m.given(**{f"rms_x{j}": 3 * m.normal(1 + int(m.draw.integers(9))) + 2 for j in range(batches)})

    def compute(dtype):
        rates = [m.cfg[f"{name}_lr"] for name in ("actor", "critic", "model")]
        epochs = m.arrays["in/epochs"] / m.cfg["max_epochs"]
        found = {"lrs": torch.tensor([[r + (1e-5 - r) * e for r in rates] for e in epochs], dtype=dtype)}
        stats = Statistics(dtype)
        for j in range(batches):
            stats.update(m.input(f"rms_x{j}", dtype))
            found |= {name: value.clone() for name, value in stats.found(f"rms{j}").items()}
        return found

    m.save(path, compute)


def make_actor_loss(path, seed, calls=2, **kind):
    m = Maker(seed, **kind)
    c = m.cfg
    h, b = c["horizon"], c["batch"]
    m.world_model()
    m.actor()
    m.critics()
    for call in range(calls):
        m.given(**{f"call{call}/obs": m.normal(b, c["obs_dim"]), f"call{call}/task": m.task(b)})
        m.given(**{f"call{call}/eps": m.normal(h, b, c["act_dim"])})
    m.given(act_obs=m.normal(c["obs_dim"]), act_task=np.array(m.task()))

    def compute(dtype):
        found = {}
        start = [[m.input(f"call{call}/{name}", dtype) for name in ("obs", "task", "eps")] for call in range(calls)]
        for detach in (True, False):
            wm, pi = Model(c, m.params("wm", dtype)), Actor(c, m.params("actor", dtype))
            p, stats = m.params("critic", dtype), Statistics(dtype)
            for call in range(calls):
                prefix = f"detach_{detach}/call{call}/"
                found |= stats.found(f"{prefix}ret_rms_before")
                clear(pi.p)
                loss, raw, seen = roll_out(c, wm, pi, p, *start[call], stats, detach)
                loss.backward()
                found |= {**stats.found(f"{prefix}ret_rms_after"), f"{prefix}loss": loss}
                found[f"{prefix}loss_per_sample_before_rms"] = raw
                found |= {f"{prefix}grad/{name}": value.grad.clone() for name, value in pi.p.items()}
                r, v = seen["rewards"].detach(), seen["next_values"].detach()
                seen |= {"done_mask": torch.ones_like(r)}
                seen["target_values"] = targets(r, v, torch.ones_like(r), c["gamma"], c["lam"])
                found |= {f"call{call}/{name}": value for name, value in seen.items()}
        t = m.input("act_task", dtype)[None]
        found["act_deterministic"] = torch.tanh(pi(wm.encode(m.input("act_obs", dtype)[None], t), None))[0]
        found["task_emb_weight_after"] = wm.p["_task_emb.weight"].detach().clone()
        found["no_ret_rms_loss_call0"] = roll_out(c, wm, pi, p, *start[0], None)[0]
        return found

    m.save(path, compute)


def make_updates(path, seed, updates=3, **kind):
    m = Maker(seed, **kind)
    c = m.cfg
    h, b = c["horizon"], c["batch"]
    m.world_model()
    m.actor()
    m.critics()
    for u in range(updates):
        inputs = {"obs": m.normal(h + 1, b, c["obs_dim"]), "act": m.normal(h, b, c["act_dim"]), "task": m.task(b)}
        inputs |= {"rew": m.normal(h, b, 1), "eps": m.normal(h, b, c["act_dim"])}
        if c["finetune_wm"] and m.wm != "mlp":
            inputs["tau"] = m.uniform(h, b, 1)
        m.given(**{f"update{u}/{name}": value for name, value in inputs.items()})

    def compute(dtype):
        params = [m.params(owner, dtype) for owner in ("wm", "actor", "critic")]
        trainer, found = Trainer(c, *params, dtype), {}
        for u in range(updates):
            prefix = f"in/update{u}/"
            names = [key.removeprefix(prefix) for key in m.arrays if key.startswith(prefix)]
            data = {name: m.input(f"update{u}/{name}", dtype) for name in names}
            found |= {f"update{u}/{name}": value for name, value in trainer.update(u, data).items()}
        return found

    m.save(path, compute)
