"""Reference files made from a second implementation, written plainly from FORMAT.md.

Nothing here imports rephase: critics are evaluated one by one, Adam is four lines. It is slow and meant to be read
beside the format's sections, whose numbers the comments give.
"""

from __future__ import annotations

import numpy as np
import torch

COMMON = {
    "obs_dim": 5,
    "act_dim": 3,
    "latent_dim": 12,
    "units": [10, 9],
    "encoder_units": [11],
    "task_dim": 4,
    "num_bins": 13,
    "vmin": -3.0,
    "vmax": 3.0,
    "simnorm_dim": 4,
    "horizon": 3,
    "batch": 4,
    "actor_units": [9, 8],
    "critic_units": [7, 6],
    "num_critics": 3,
    "gamma": 0.97,
    "lam": 0.9,
    "flow_substeps_wm": 2,
    "flow_integrator_wm": "heun",
    "flow_substeps_pi": 2,
    "flow_integrator_pi": "heun",
    "actor_grad_norm": 1.0,
    "critic_grad_norm": 100.0,
    "wm_grad_norm": 20.0,
    "min_logstd": -10.0,
    "action_dims": [3, 1, 2, 3, 2],
    "num_tasks": 5,
    "actor_lr": 5e-4,
    "critic_lr": 4e-4,
    "model_lr": 3e-4,
    "max_epochs": 10,
    "first_epoch": 2,
    "critic_iterations": 3,
    "critic_batches": 2,
    "actor_critic_betas": [0.7, 0.95],
    "wm_betas": [0.9, 0.999],
    "adam_eps": 1e-8,
    "finetune_wm": False,
    "gamma_t": 0.9,
}


# 1. Building blocks


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def mish(x):
    return x * torch.tanh(torch.log(1 + torch.exp(x)))


def simnorm(x, group):
    return torch.cat([torch.softmax(part, -1) for part in x.split(group, -1)], -1)


class Model:
    """A world model: parameters by name, and the functions of section 1."""

    def __init__(self, cfg, params):
        self.cfg, self.p = cfg, params
        self.flow = "_velocity.0.weight" in params

    def tower(self, name, x):
        last = max(int(key.split(".")[1]) for key in self.p if key.startswith(name + "."))
        for i in range(last + 1):
            x = x @ self.p[f"{name}.{i}.weight"].T + self.p[f"{name}.{i}.bias"]
            if f"{name}.{i}.ln.weight" in self.p:
                x = layer_norm(x, self.p[f"{name}.{i}.ln.weight"], self.p[f"{name}.{i}.ln.bias"])
                x = mish(x) if i < last else simnorm(x, self.cfg["simnorm_dim"])
        return x

    def embed(self, x, t):
        table = self.p["_task_emb.weight"]
        with torch.no_grad():
            for row in sorted(set(t.reshape(-1).tolist())):
                length = table[row].square().sum().sqrt()
                if length > 1:
                    table[row] *= 1 / (length + 1e-7)
        rows = table[t]
        return rows.expand(*x.shape[:-1], -1)

    def encode(self, o, t):
        return self.tower("_encoder", torch.cat([o, self.embed(o, t)], -1))

    def velocity(self, z, a, tau, t):
        tau = tau if torch.is_tensor(tau) else torch.full_like(z[..., :1], tau)
        return self.tower("_velocity", torch.cat([z, a, tau, self.embed(z, t)], -1))

    def next(self, z, a, t, method=None, k=None):
        if not self.flow:
            return self.tower("_dynamics", torch.cat([z, self.embed(z, t), a], -1))
        method, k = method or self.cfg["flow_integrator_wm"], k or self.cfg["flow_substeps_wm"]
        return solve(lambda x, s: self.velocity(x, a, s, t), z, method, k)

    def reward(self, z, a, t):
        e = self.embed(z, t)
        return self.tower("_reward", torch.cat([z, a, e] if self.flow else [z, e, a], -1))

    def almost(self, logits):
        cfg, total = self.cfg, 0
        for k in range(cfg["num_bins"]):
            c = cfg["vmin"] + (cfg["vmax"] - cfg["vmin"]) * k / (cfg["num_bins"] - 1)
            total = total + torch.softmax(logits, -1)[..., k : k + 1] * c
        return total


def solve(velocity, x, method, k):
    """Section 1's two methods and two more, all written out."""
    d = 1 / k
    for i in range(k):
        k1 = velocity(x, i * d)
        if method == "euler":
            x = x + d * k1
        elif method == "heun":
            x = x + d / 2 * (k1 + velocity(x + d * k1, i * d + d))
        elif method == "midpoint":
            x = x + d * velocity(x + d / 2 * k1, i * d + d / 2)
        elif method == "rk4":
            k2 = velocity(x + d / 2 * k1, i * d + d / 2)
            k3 = velocity(x + d / 2 * k2, i * d + d / 2)
            x = x + d / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(x + d * k3, i * d + d))
    return x


class Actor:
    """Either policy, before squashing."""

    def __init__(self, cfg, params):
        self.cfg, self.p = cfg, params
        self.flow = "init_logstd" in params
        self.logstd = params["init_logstd" if self.flow else "logstd"]

    def head(self, name, x):
        last = max(int(key.split(".")[1]) for key in self.p if key.startswith(name + "."))
        for i in range(0, last, 3):
            x = mish(x @ self.p[f"{name}.{i}.weight"].T + self.p[f"{name}.{i}.bias"])
            x = layer_norm(x, self.p[f"{name}.{i + 2}.weight"], self.p[f"{name}.{i + 2}.bias"])
        return x @ self.p[f"{name}.{last}.weight"].T + self.p[f"{name}.{last}.bias"]

    def velocity(self, z, x, s):
        return self.head("velocity_net", torch.cat([z, x, torch.full_like(x[:, :1], s)], -1))

    def __call__(self, z, eps, method=None, k=None):
        with torch.no_grad():
            self.logstd.clamp_(min=self.cfg["min_logstd"])
        noise = 0 if eps is None else eps * self.logstd.exp()
        if not self.flow:
            return self.head("mu_net", z) + noise
        start = noise + torch.zeros(z.shape[0], self.cfg["act_dim"], dtype=z.dtype)
        method, k = method or self.cfg["flow_integrator_pi"], k or self.cfg["flow_substeps_pi"]
        return solve(lambda x, s: self.velocity(z, x, s), start, method, k)


def critic(p, c, x):
    """Critic c on (n, L): values (n,)."""
    count = len(p)
    for j in range(0, count - 2, 4):
        x = mish(x @ p[f"params.{j}"][c].T + p[f"params.{j + 1}"][c])
        x = layer_norm(x, p[f"params.{j + 2}"][c], p[f"params.{j + 3}"][c])
    return (x @ p[f"params.{count - 2}"][c].T + p[f"params.{count - 1}"][c])[:, 0]


def lowest(p, x):
    return torch.stack([critic(p, c, x) for c in range(p["params.0"].shape[0])]).min(0).values


# 3. Losses and updates


class Statistics:
    """Section 3.2."""

    def __init__(self, dtype):
        self.mean, self.var = torch.zeros(1, dtype=dtype), torch.ones(1, dtype=dtype)
        self.count = torch.tensor(1e-4, dtype=dtype)

    def update(self, x):
        n, m, s = x.numel(), x.mean(), (x - x.mean()).square().mean()
        d, tot = m - self.mean, self.count + n
        self.mean = self.mean + d * n / tot
        self.var = (self.var * self.count + s * n + d**2 * self.count * n / tot) / tot
        self.count = tot

    def found(self, prefix):
        return {f"{prefix}/mean": self.mean, f"{prefix}/var": self.var, f"{prefix}/count": self.count}


def roll_out(cfg, wm, pi, p_critic, o, t, eps, stats, detach=True):
    """Section 3.1: loss, raw, and what happened."""
    z, g, horizon = wm.encode(o, t), cfg["gamma"], eps.shape[0]
    seen = {"z": [], "actions": [], "z_next": [], "rewards": [], "next_values": []}
    raw = 0
    for i in range(horizon):
        a = torch.tanh(pi(z.detach() if detach else z, eps[i]))
        logits = wm.reward(z, a, t)
        r = wm.almost(logits)[:, 0]
        if i == 0:
            seen["reward_logits_step0"] = logits
        seen["z"].append(z)
        z = wm.next(z, a, t)
        v = lowest(p_critic, z)
        for name, value in (("actions", a), ("z_next", z), ("rewards", r), ("next_values", v)):
            seen[name].append(value)
        raw = raw - g**i * r
    raw = raw - g ** (horizon + 1) * v
    seen = {name: torch.stack(value) if isinstance(value, list) else value for name, value in seen.items()}
    if stats is None:
        return raw.mean() / horizon, raw, seen
    stats.update(raw.detach())
    return (raw / (stats.var + 1e-5).sqrt()).mean(), raw, seen


def targets(r, v, done, g, lam):
    """Section 3.3."""
    a, b, left, found = 0 * r[0], 0 * r[0], 1 + 0 * r[0], [None] * len(r)
    for i in range(len(r) - 1, -1, -1):
        d = done[i]
        left = left * lam * (1 - d) + d
        a = (1 - d) * (lam * g * a + g * v[i] + (1 - left) / (1 - lam) * r[i])
        b = g * (v[i] * d + b * (1 - d)) + r[i]
        found[i] = (1 - lam) * a + left * b
    return torch.stack(found)


def flow_matching(wm, zs, zt, a, t, tau, gamma_t):
    """Section 3.5."""
    if tau is None:
        tau = torch.full_like(zs[:, :1], 0.5)
    v = wm.velocity((1 - tau) * zs + tau * zt, a, tau, t)
    return gamma_t * (v - (zt - zs)).square().mean()


def model_loss(cfg, wm, obs, act, rew, t, tau, method=None, k=None):
    """Section 3.6: total, dynamics, reward."""
    horizon, g = act.shape[0], cfg["gamma"]
    with torch.no_grad():
        y = [wm.encode(obs[i + 1], t) for i in range(horizon)]
    z, dynamics, errors = wm.encode(obs[0], t), 0, []
    for i in range(horizon):
        errors.append(g**i * (wm.reward(z, act[i], t) - rew[i]).square())
        if wm.flow:
            here = None if tau is None else tau[i]
            dynamics = dynamics + flow_matching(wm, z, y[i], act[i], t, here, g**i)
        z = wm.next(z, act[i], t, method, k)
        if not wm.flow:
            dynamics = dynamics + g**i * (z - y[i]).square().mean()
    reward = torch.stack(errors).mean()
    return (dynamics + reward) / horizon, dynamics / horizon, reward / horizon


class Adam:
    """Section 3.8."""

    def __init__(self, params, betas, eps):
        self.params, (self.b1, self.b2), self.eps, self.k = params, betas, eps, 0
        self.m = {name: torch.zeros_like(p) for name, p in params.items()}
        self.v = {name: torch.zeros_like(p) for name, p in params.items()}

    @torch.no_grad()
    def step(self, lr):
        self.k += 1
        for name, p in self.params.items():
            self.m[name] = self.b1 * self.m[name] + (1 - self.b1) * p.grad
            self.v[name] = self.b2 * self.v[name] + (1 - self.b2) * p.grad**2
            m, v = self.m[name] / (1 - self.b1**self.k), self.v[name] / (1 - self.b2**self.k)
            p -= lr * m / (v.sqrt() + self.eps)


def clip(params, largest):
    grads = [p.grad for p in params.values() if p.grad is not None]
    n = torch.stack([g.square().sum() for g in grads]).sum().sqrt()
    for g in grads:
        g *= min(1.0, float(largest / (n + 1e-6)))
    return n


def clear(params):
    for p in params.values():
        p.grad = None


class Trainer:
    """Section 3.7: consecutive updates."""

    def __init__(self, cfg, wm, actor, p_critic, dtype):
        self.cfg, self.wm, self.pi, self.c = cfg, Model(cfg, wm), Actor(cfg, actor), p_critic
        self.stats = Statistics(dtype)
        rest = {name: p for name, p in wm.items() if name != "_task_emb.weight"}
        betas, eps = cfg["actor_critic_betas"], cfg["adam_eps"]
        self.adam = {"actor": Adam(actor, betas, eps), "critic": Adam(p_critic, betas, eps)}
        self.adam["model"] = Adam(rest, cfg["wm_betas"], eps)

    def update(self, u, data):
        cfg = self.cfg
        e = cfg["first_epoch"] + u
        lr = {
            name: cfg[f"{name}_lr"] + (1e-5 - cfg[f"{name}_lr"]) * e / cfg["max_epochs"]
            for name in ("actor", "critic", "model")
        }
        rates = [lr[name] for name in ("actor", "critic", "model")]
        found = {"lrs": torch.tensor(rates, dtype=self.stats.mean.dtype)}
        metric = {}
        if cfg["finetune_wm"]:
            clear(self.adam["model"].params)
            total, dynamics, reward = model_loss(
                cfg, self.wm, data["obs"], data["act"], data["rew"], data["task"], data.get("tau")
            )
            total.backward()
            metric |= {"wm_loss": total, "dynamics_loss": dynamics, "reward_loss": reward}
            metric["wm_grad_norm"] = clip(self.wm.p, cfg["wm_grad_norm"])
            self.adam["model"].step(lr["model"])
        clear(self.pi.p)
        loss, _, seen = roll_out(cfg, self.wm, self.pi, self.c, data["obs"][0], data["task"], data["eps"], self.stats)
        loss.backward()
        metric |= {"actor_loss": loss, "actor_grad_norm": clip(self.pi.p, cfg["actor_grad_norm"])}
        self.adam["actor"].step(lr["actor"])
        floor = cfg["min_logstd"] if self.pi.flow else -float("inf")
        metric["actor_stddev"] = self.pi.logstd.detach().clamp(min=floor).exp().mean()
        r, v = seen["rewards"].detach(), seen["next_values"].detach()
        y = targets(r, v, torch.ones_like(r), cfg["gamma"], cfg["lam"])
        metric |= self.fit_critics(seen["z"].detach().flatten(0, 1), y.flatten(), lr["critic"])
        found |= {f"metric/{name}": value for name, value in metric.items()}
        found |= {"target_values": y, **self.stats.found("ret_rms"), "task_emb_weight": self.wm.p["_task_emb.weight"]}
        for owner, params in (("wm", self.wm.p), ("actor", self.pi.p), ("critic", self.c)):
            found |= {f"params/{owner}/{name}": p for name, p in params.items()}
        return {name: value.detach().clone() for name, value in found.items()}

    def fit_critics(self, z, y, lr):
        cfg = self.cfg
        n, heads, means = len(z) // cfg["critic_batches"], range(self.c["params.0"].shape[0]), []
        for _ in range(cfg["critic_iterations"]):
            losses = []
            for start in range(0, len(z), n):
                clear(self.c)
                x, wanted = z[start : start + n], y[start : start + n]
                loss = torch.stack([(critic(self.c, c, x) - wanted).square() for c in heads]).mean()
                loss.backward()
                norm = clip(self.c, cfg["critic_grad_norm"])
                self.adam["critic"].step(lr)
                losses.append(float(loss.detach()))
            means.append(np.mean(losses))
        return {"value_loss": torch.tensor(np.mean(means)), "critic_grad_norm": norm}
