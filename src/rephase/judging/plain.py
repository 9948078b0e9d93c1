"""Judgements as JSON values: attrs classes become tables, what is not finite becomes null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import fields, has

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return `value` as values JSON knows: tables, lists, text, finite numbers, true, false and null."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if has(type(value)):
        return {attribute.name: plain(getattr(value, attribute.name)) for attribute in fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
