"""What the conformance kit says about a part that is broken on purpose."""

from __future__ import annotations

import pytest

__all__ = ["refusal"]


def refusal(test, *arguments):
    """First line of what a kit test says about a broken part."""
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        test(*arguments)
    return str(caught.value).splitlines()[0]
