"""A miniature project: a tiny random world model, start states, and a phase of two configs that runs in seconds."""

from __future__ import annotations

from pathlib import Path

__all__ = ["make_project"]

_CONFIG = """
schema = 1
name = "tiny_{name}"
title = "tiny"

[world_model]
part = "mlp"

[world_model.settings]
latent_size = 16
encoder_units = [24]
units = [24]
task_size = 4

[policy]
part = "{policy}"

[policy.settings]
units = [16, 16]
"""

_MANIFEST = """
schema = 1
phase = "phase3"
scale = "embedded"
title = "a miniature"
not_this = "not the 48M world model but a tiny random one"
arithmetic = "{arithmetic}"
tasks = {tasks}
seeds = {seeds}
extension_seeds = [7, 8]
recorded = "embedded.recorded.json"

[plugins]
rephase-mlp = ">=0.1"
rephase-flow = ">=0.1"
rephase-rk = ">=0.1"

[inputs.world-model]
path = "../embedded/world_model.safetensors"
sha256 = "{world_model}"

[inputs.start-states]
path = "../embedded/start_states.safetensors"
sha256 = "{start_states}"

[configs.baseline]
file = "../configs/baseline.toml"

[configs.flowpolicy]
file = "../configs/flowpolicy.toml"

[algorithm]
epochs = {epochs}
horizon = 2
batch_size = 8
critics = 2
critic_units = [16]
critic_iterations = 1
critic_batches = 2

[evaluation]
episodes = 1
every = 0
"""

_EPISODES = """
[inputs.{task}]
path = "../embedded/episodes-{task}.safetensors"
sha256 = "{digest}"
"""


def make_project(
    folder: Path,
    *,
    tasks: tuple[str, ...] = ("reacher-easy", "cheetah-run"),
    seeds: tuple[int, ...] = (1, 2),
    epochs: int = 2,
    trains_world_model: bool = False,
    arithmetic: str = "native",
) -> Path:
    """Write the project and return its folder.

    Args:
        folder: Where it goes.
        tasks: Tasks of the phase.
        seeds: Seeds of the phase.
        epochs: Updates of every run.
        trains_world_model: Whether each run trains a world model of its own, from scratch and from episodes.
        arithmetic: Arithmetic of the phase; with portable arithmetic a test's own process hands the work to others.
    """
    import torch
    from rephase_mlp.offers import MLPWorldModelConfig
    from rephase_mlp.world_model import MLPWorldModel

    from rephase.engine.checkpoints import write_tensors
    from rephase.engine.seeding import stream
    from rephase.environments import SPACES, find_task

    reproductions = folder / "reproductions"
    config = MLPWorldModelConfig(latent_size=16, encoder_units=(24,), units=(24,), task_size=4)
    model = MLPWorldModel(config, SPACES)
    model.initialise(stream(0, "tiny"))
    rows = torch.rand(8 * len(tasks), SPACES.observation, generator=stream(0, "starts"))
    indices = torch.tensor([find_task(task).index for task in tasks]).repeat_interleave(8)
    digests = {
        "world_model": write_tensors(reproductions / "embedded/world_model.safetensors", model.state_dict()),
        "start_states": write_tensors(
            reproductions / "embedded/start_states.safetensors", {"observations": rows, "tasks": indices}
        ),
    }
    for name, policy in (("baseline", "gaussian-mlp"), ("flowpolicy", "flow-ode")):
        text = _CONFIG.format(name=name, policy=policy)
        if policy == "flow-ode":
            text += '\n[policy.integrator]\npart = "heun"\n'
        _write(reproductions / f"configs/{name}.toml", text)
    episodes = ""
    for task in tasks if trains_world_model else ():
        draws, index = stream(0, f"episodes/{task}"), find_task(task).index
        shapes = {"observations": (3, 7, SPACES.observation), "actions": (3, 6, SPACES.action), "rewards": (3, 6)}
        tensors = {name: torch.rand(*shape, generator=draws) for name, shape in shapes.items()}
        path = reproductions / f"embedded/episodes-{task}.safetensors"
        digest = write_tensors(path, tensors, {"task": str(index)})
        episodes += _EPISODES.format(task=task, digest=digest)
    quoted = "[" + ", ".join(f'"{task}"' for task in tasks) + "]"
    text = _MANIFEST.format(tasks=quoted, seeds=list(seeds), epochs=epochs, arithmetic=arithmetic, **digests)
    if trains_world_model:
        own = 'world_model = ""\nstart_states = ""\ntransitions = [' + ", ".join(f'"{task}"' for task in tasks) + "]\n"
        text = text.replace('.toml"\n', '.toml"\n' + own).replace(
            "[algorithm]\n", "[algorithm]\nfinetune_world_model = true\n"
        )
        text += episodes
    _write(reproductions / "phase3/embedded.toml", text)
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
