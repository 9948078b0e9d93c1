"""One seed to many named random streams.

A stream depends on the seed and its name alone, so a run draws the same numbers whether it trains alone or beside
others, and adding a stream does not shift another.
"""

from __future__ import annotations

import hashlib

import torch

__all__ = ["stream", "stream_seed"]


def stream_seed(seed: int, name: str) -> int:
    """Seed of the named stream: the first 8 bytes of SHA-256 over ``"{seed}/{name}"``, without the sign bit.

    Args:
        seed: The run's seed.
        name: What the stream is for.

    Returns:
        A number in [0, 2**63).
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator for the named stream of a seed.

    Args:
        seed: The run's seed.
        name: What the stream is for.
        device: Where its numbers are drawn.

    Returns:
        A generator nobody else holds.
    """
    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))
