"""What the tasks are: one file for each body, with its starts, observations and rewards for N episodes at once."""

from __future__ import annotations

from rephase.environments.domains.base import Domain, Streams
from rephase.environments.domains.listing import open_domain

__all__ = ["Domain", "Streams", "open_domain"]
