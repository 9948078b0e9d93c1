"""Judgements become values JSON knows, whatever they hold."""

import json
import math

from attrs import frozen

from rephase.judging.decisions import Decision
from rephase.judging.plain import plain


@frozen
class Judged:
    decision: Decision
    p: float
    cells: dict[tuple[str, str], tuple[float, ...]]


def test_what_is_not_finite_is_null_and_everything_else_stays():
    found = plain(Judged(Decision.PASS, math.nan, {("a", "b"): (1.5, math.inf)}))
    assert found == {"decision": "PASS", "p": None, "cells": {"('a', 'b')": [1.5, None]}}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert plain([True, 3, "text", None]) == [True, 3, "text", None]
