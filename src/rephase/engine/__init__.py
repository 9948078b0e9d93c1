"""What is computed: integration, imagination, losses, critics, stacked training and evaluation.

Tensors in, tensors out: no command line, no cluster, no plugin names. Re-exported here is what plugins build on.
"""

from __future__ import annotations

from rephase.engine import networks, rewards
from rephase.engine.integration import integrate

__all__ = ["integrate", "networks", "rewards"]
