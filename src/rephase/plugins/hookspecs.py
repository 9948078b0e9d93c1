"""The hooks a plugin can implement.

A plugin is a distribution with an entry point in the group ``rephase`` that names a module; the module marks
functions with `hookimpl`. It must import without torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from rephase.plugins.offers import Offer

__all__ = ["hookimpl", "hookspec", "rephase_offers"]

hookspec = pluggy.HookspecMarker("rephase")
hookimpl = pluggy.HookimplMarker("rephase")


@hookspec
def rephase_offers() -> Iterable[Offer]:
    """Announce the parts of this plugin.

    Called once, when plugins are loaded, on every machine, also where torch is not installed. Takes no arguments.

    Returns:
        One `Offer` for each part.

    Example:
        ::

            @hookimpl
            def rephase_offers():
                return [Offer(Kind.INTEGRATOR, "ralston", "Ralston's second-order method", RalstonConfig,
                              "my_plugin.ralston:build")]
    """
    raise NotImplementedError  # a specification, never called
