"""Which known defect of the logged code makes a world model promise nothing: read from records of an ablation.

A phase is an ablation where some configs keep all known defects, some correct all, and others differ from one of these
by a single defect. What is looked at is the return that each run's own world model promises for the episodes its policy
then played: training for a model that promises nothing is training for nothing. Returns themselves are reported beside
it and decide nothing here; `rephase compare` tests them. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from rephase.manifest import Phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.record import Record

__all__ = ["NOTHING", "Ablation", "Switch", "ablation_of"]

NOTHING = 1.0
"""A world model whose promise is below this, in points of return, promises nothing; an episode can have 1000."""


@frozen(kw_only=True)
class Switch:
    """The runs of one config.

    Args:
        config: Name of the config.
        defect: The defect that alone is switched; empty where all are kept or all corrected.
        starts_from: ``as-logged`` where it is corrected and all others kept, ``corrected`` where it is kept.
        promises: Return each run's world model promises, in the order of the records.
        rewards: Return each policy really had.
    """

    config: str
    defect: str
    starts_from: Variant
    promises: tuple[float, ...]
    rewards: tuple[float, ...]

    @property
    def collapsed(self) -> bool | None:
        """Whether no run's model promises anything; None where runs disagree or there are none."""
        nothing = {abs(promise) < NOTHING for promise in self.promises}
        return nothing.pop() if len(nothing) == 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "config": self.config,
            "defect": self.defect,
            "starts_from": str(self.starts_from),
            "promises": list(self.promises),
            "rewards": list(self.rewards),
            "collapsed": self.collapsed,
        }


@frozen(kw_only=True)
class Ablation:
    """What switching every defect alone shows.

    Args:
        switches: One for each config, in the phase's order.
        enough: Defects each of which alone brings the collapse about: kept in an otherwise corrected run.
        needed: Defects each of which must be corrected: correcting it alone ends the collapse of a run as logged.
    """

    switches: tuple[Switch, ...]
    enough: tuple[str, ...]
    needed: tuple[str, ...]

    @property
    def responsible(self) -> str:
        """The single defect that is both; empty where there is none or several."""
        both = [defect for defect in self.enough if defect in self.needed]
        return both[0] if len(both) == 1 and self.enough == self.needed else ""

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.responsible:
            return (
                f"{self.responsible} alone is responsible for the collapse: mending only it ends the collapse, "
                "keeping only it brings the collapse back, and no other defect does either."
            )
        return (
            f"No single defect is shown to be responsible: mending one alone ends the collapse for "
            f"{_listed(self.needed)}, and keeping one alone brings it about for {_listed(self.enough)}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "responsible": self.responsible,
            "enough": list(self.enough),
            "needed": list(self.needed),
            "sentence": self.sentence,
            "switches": [switch.to_json() for switch in self.switches],
        }


def ablation_of(phase: Phase, records: Sequence[Record]) -> Ablation | None:
    """Read an ablation from its records.

    Args:
        phase: The phase.
        records: Records of its runs, possibly not all.

    Returns:
        What they show; None where the phase is no ablation.
    """
    kinds = {config: _variants(phase.resolved(config)) for config in phase.configs}
    switches = []
    for config, variants in kinds.items():
        for start, switched in ((Variant.AS_LOGGED, Variant.CORRECTED), (Variant.CORRECTED, Variant.AS_LOGGED)):
            others = [defect for defect, variant in variants.items() if variant is switched]
            if len(others) <= 1:
                own = [record for record in records if record.config == config]
                switches.append(_switch(config, others[0] if others else "", start, own))
                break
    if {(switch.defect, switch.starts_from) for switch in switches if not switch.defect} != {
        ("", Variant.AS_LOGGED),
        ("", Variant.CORRECTED),
    }:
        return None
    collapsed = {(switch.defect, switch.starts_from): switch.collapsed for switch in switches}
    logged, corrected = collapsed["", Variant.AS_LOGGED], collapsed["", Variant.CORRECTED]
    defects = tuple(dict.fromkeys(switch.defect for switch in switches if switch.defect))
    if not defects:
        return None
    return Ablation(
        switches=tuple(switches),
        enough=tuple(d for d in defects if collapsed.get((d, Variant.CORRECTED)) and corrected is False),
        needed=tuple(d for d in defects if collapsed.get((d, Variant.AS_LOGGED)) is False and logged),
    )


def _switch(config: str, defect: str, start: Variant, records: Sequence[Record]) -> Switch:
    last = [record.curve[-1].predicted_return if record.curve else None for record in records]
    return Switch(
        config=config,
        defect=defect,
        starts_from=start,
        promises=tuple(promise for promise in last if promise is not None),
        rewards=tuple(record.reward for record in records),
    )


def _variants(resolved: Mapping[str, Any]) -> dict[str, Variant]:
    """Every known defect a resolved config says something about: the algorithm's and the parts'."""
    settings = {
        **resolved["algorithm"]["variants"],
        **resolved["world_model"]["settings"],
        **resolved["policy"]["settings"],
    }
    values = {str(variant) for variant in Variant}
    return {name: Variant(value) for name, value in settings.items() if isinstance(value, str) and value in values}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
