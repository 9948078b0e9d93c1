"""Parts built from a reference file's sizes and parameters, through the installed plugins."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from rephase.engine.critic import CriticEnsembles
from rephase.errors import UsageError
from rephase.manifest.algorithm import Algorithm
from rephase.manifest.reading import structure
from rephase.plugins import Kind
from rephase.plugins.registry import Registry
from rephase.protocols import Integrator, Spaces
from rephase.vectors.file import ReferenceFile

__all__ = ["Builder", "is_flow"]


class Builder:
    """Builds what a reference file describes.

    Args:
        file: The file.
        registry: The installed plugins.
    """

    def __init__(self, file: ReferenceFile, registry: Registry) -> None:
        self.file = file
        self._registry = registry

    def knows(self, integrator: str) -> bool:
        """Whether an integrator of this name is installed; none named counts as known."""
        try:
            return not integrator or self.integrator(integrator) is not None
        except UsageError:
            return False

    def integrator(self, name: str) -> Integrator:
        """An integrator by its name in the file."""
        offer = self._registry.find(Kind.INTEGRATOR, name, where=self.file.name).offer
        built: Integrator = offer.load()(offer.config())
        return built

    def world_model(self, integrator: str = "", substeps: int = 0, midpoint: bool = False) -> Any:
        """The file's world model with its parameters.

        Args:
            integrator: Method of the flow model; empty takes the file's own.
            substeps: Substeps of the flow model; 0 takes the file's own.
            midpoint: Whether the flow-matching loss looks at 0.5 only.
        """
        file = self.file
        parameters = file.parameters("wm")
        sizes = {
            "latent_size": file.setting("latent_dim"),
            "encoder_units": file.sizes("encoder_units"),
            "units": file.sizes("units"),
            "task_size": file.setting("task_dim"),
            "bins": file.setting("num_bins"),
            "lowest": file.number("vmin"),
            "highest": file.number("vmax"),
            "simnorm": file.setting("simnorm_dim"),
        }
        spaces = self._spaces(parameters)
        if not is_flow(parameters):
            return self._part(Kind.WORLD_MODEL, "mlp", sizes, (spaces, None), parameters)
        method = self.integrator(integrator or file.setting("flow_integrator_wm"))
        sizes["substeps"] = substeps or file.setting("flow_substeps_wm")
        sizes["velocity_head"] = "as-logged" if _ends_in_norm(parameters) else "corrected"
        sizes["tau"] = "midpoint" if midpoint else "uniform"
        return self._part(Kind.WORLD_MODEL, "flow", sizes, (spaces, method), parameters)

    def policy(self, integrator: str = "", substeps: int = 0) -> Any:
        """The file's policy with its parameters; integrator and substeps as for `world_model`."""
        file = self.file
        parameters = file.parameters("actor")
        settings: dict[str, Any] = {"units": file.sizes("actor_units")}
        if file.has("cfg/min_logstd"):
            settings["lowest_log_std"] = file.number("min_logstd")
        sizes = (file.setting("latent_dim"), file.setting("act_dim"))
        if "logstd" in parameters:
            return self._part(Kind.POLICY, "gaussian-mlp", settings, (*sizes, None), parameters)
        settings["substeps"] = substeps or file.setting("flow_substeps_pi")
        method = self.integrator(integrator or file.setting("flow_integrator_pi"))
        return self._part(Kind.POLICY, "flow-ode", settings, (*sizes, method), parameters)

    def critics(self) -> CriticEnsembles:
        """The file's critics with their parameters, as those of one run."""
        parameters = self.file.parameters("critic")
        critics = CriticEnsembles(
            1,
            self.file.setting("latent_dim"),
            self.file.sizes("critic_units"),
            parameters["params.0"].shape[0],
            self.file.dtype,
        )
        for name, parameter in critics.parameters().items():
            parameter.data.copy_(parameters[name].unsqueeze(0))
        return critics.to(self.file.device)

    def algorithm(self, **changes: Any) -> Algorithm:
        """The file's algorithm: what it states, the log's values elsewhere, and ``changes`` on top."""
        stated = {
            "epochs": "max_epochs",
            "horizon": "horizon",
            "batch_size": "batch",
            "gamma": "gamma",
            "lam": "lam",
            "actor_lr": "actor_lr",
            "critic_lr": "critic_lr",
            "model_lr": "model_lr",
            "actor_grad_norm": "actor_grad_norm",
            "critic_grad_norm": "critic_grad_norm",
            "model_grad_norm": "wm_grad_norm",
            "adam_eps": "adam_eps",
            "critic_iterations": "critic_iterations",
            "critic_batches": "critic_batches",
            "finetune_world_model": "finetune_wm",
        }
        settings = {
            ours: self.file.setting(theirs) for ours, theirs in stated.items() if self.file.has(f"cfg/{theirs}")
        }
        betas = {"actor_betas": "actor_critic_betas", "critic_betas": "actor_critic_betas", "model_betas": "wm_betas"}
        for ours, theirs in betas.items():
            if self.file.has(f"cfg/{theirs}"):
                settings[ours] = tuple(self.file.setting(theirs))
        return Algorithm(**(settings | changes))

    def _spaces(self, parameters: dict[str, Tensor]) -> Spaces:
        """The file's task suite, as many tasks as the embedding table has rows."""
        spaces = self.file.spaces()
        rows = parameters["_task_emb.weight"].shape[0] if "_task_emb.weight" in parameters else spaces.tasks
        sizes = (spaces.action_sizes + (spaces.action,) * rows)[:rows]
        return Spaces(spaces.observation, spaces.action, sizes)

    def _part(
        self, kind: Kind, name: str, settings: dict[str, Any], sizes: tuple[Any, ...], parameters: dict[str, Tensor]
    ) -> nn.Module:
        offer = self._registry.find(kind, name, where=self.file.name).offer
        config: Any = structure(settings, offer.config, self.file.name)
        module: nn.Module = offer.load()(config, *sizes)
        module.to(self.file.device, self.file.dtype)
        # Some files carry one network of a part only; a parameter the part does not know is an error.
        unknown = module.load_state_dict(parameters, strict=False).unexpected_keys
        if unknown:
            raise UsageError(f"holds parameters the {kind} {name!r} does not have: {unknown}", where=self.file.name)
        return module


def is_flow(parameters: dict[str, Tensor]) -> bool:
    """Whether world-model parameters are a flow model's."""
    return any(name.startswith("_velocity.") for name in parameters)


def _ends_in_norm(parameters: dict[str, Tensor]) -> bool:
    last = max(int(name.split(".")[1]) for name in parameters if name.startswith("_velocity."))
    return f"_velocity.{last}.ln.weight" in parameters
