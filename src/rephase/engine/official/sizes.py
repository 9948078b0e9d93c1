"""Sizes of a world model, read off the shapes of its parameters, so that a message about a wrong file is helpful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from rephase.errors import CheckpointError

__all__ = ["ModelSizes", "require_shapes", "sizes_of"]

Shapes = Mapping[str, Sequence[int]]

_PUBLISHED = {
    (128, 256, 384, 1): "1M",
    (512, 256, 512, 1): "5M",
    (768, 1024, 1024, 2): "19M",
    (768, 1792, 1792, 3): "48M",
    (1376, 4096, 4096, 4): "317M",
}
"""TD-MPC2's published sizes by latent width, encoder width, hidden width and hidden encoder layers."""

_SHOWN = 3
"""Differences named in full in one message."""


@frozen(kw_only=True)
class ModelSizes:
    """Sizes of a multitask world model.

    Args:
        parameters: Number of parameters.
        tasks: Rows of the task embedding.
        task_size: Its width.
        observation: Width of an observation.
        action: Width of an action.
        latent: Width of a latent.
        encoder_units: Hidden widths of the encoder.
        units: Hidden widths of the dynamics or velocity network.
        bins: Reward bins.
        flow: Whether it has a velocity network in place of a dynamics network.
    """

    parameters: int
    tasks: int
    task_size: int
    observation: int
    action: int
    latent: int
    encoder_units: tuple[int, ...]
    units: tuple[int, ...]
    bins: int
    flow: bool

    @property
    def published_as(self) -> str:
        """Name of the published TD-MPC2 model of these sizes, such as ``48M``; empty for none."""
        if self.flow or not self.encoder_units or not self.units:
            return ""
        key = (self.latent, self.encoder_units[0], self.units[0], len(self.encoder_units))
        return _PUBLISHED.get(key, "")

    def __str__(self) -> str:
        kind = "flow" if self.flow else "MLP"
        named = f", TD-MPC2's {self.published_as}" if self.published_as else ""
        return (
            f"{kind} world model of {self.parameters / 1e6:.2f}M parameters{named} (observation {self.observation}, "
            f"action {self.action}, latent {self.latent}, encoder {_widths(self.encoder_units)}, "
            f"hidden {_widths(self.units)}, {self.bins} bins, {self.tasks} tasks x {self.task_size})"
        )


def sizes_of(shapes: Shapes) -> ModelSizes | None:
    """Sizes of the world model with parameters of these shapes; None when they are not those of one."""
    flow = "_velocity.0.weight" in shapes
    try:
        tasks, task_size = shapes["_task_emb.weight"]
        encoder, transition, reward = (
            _layers(shapes, name) for name in ("_encoder", "_velocity" if flow else "_dynamics", "_reward")
        )
        latent, bins = encoder[-1][0], reward[-1][0]
        return ModelSizes(
            parameters=sum(_count(shape) for shape in shapes.values()),
            tasks=tasks,
            task_size=task_size,
            observation=encoder[0][1] - task_size,
            action=transition[0][1] - latent - task_size - flow,
            latent=latent,
            encoder_units=tuple(layer[0] for layer in encoder[:-1]),
            units=tuple(layer[0] for layer in transition[:-1]),
            bins=bins,
            flow=flow,
        )
    except (KeyError, ValueError, IndexError):
        return None


def require_shapes(found: Shapes, expected: Shapes, where: str) -> None:
    """Check that a world model's parameters have the names and shapes that are expected.

    Raises:
        CheckpointError: When they have not; the message names the sizes of both models and the first differences.
    """
    found = {name: tuple(shape) for name, shape in found.items()}
    expected = {name: tuple(shape) for name, shape in expected.items()}
    if found == expected:
        return
    differences = [
        f"{name} is {_shape(found[name])}, expected {_shape(expected[name])}"
        for name in sorted(found.keys() & expected.keys())
        if found[name] != expected[name]
    ]
    differences += [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    differences += [f"{name} is not expected" for name in sorted(found.keys() - expected.keys())]
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    listed = ", ".join(differences[:_SHOWN]) + more
    have, want = sizes_of(found), sizes_of(expected)
    if have is None or want is None:
        raise CheckpointError(listed, where=where, remedy="give a checkpoint of the configured world model")
    raise CheckpointError(
        f"holds an {have}, expected an {want}".replace("an flow", "a flow") + f"; {listed}",
        where=where,
        remedy="give the checkpoint of that size, or configure the world model after the file",
    )


def _layers(shapes: Shapes, name: str) -> list[tuple[int, int]]:
    """Output and input width of each layer of a network."""
    found: list[tuple[int, int]] = []
    while f"{name}.{len(found)}.weight" in shapes:
        outputs, inputs = shapes[f"{name}.{len(found)}.weight"]
        found.append((outputs, inputs))
    return found


def _count(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _widths(units: Sequence[int]) -> str:
    if units and len(set(units)) == 1:
        return f"{units[0]} x {len(units)}"
    return "-".join(map(str, units)) or "none"


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"
