"""What is installed, as text and as JSON."""

from __future__ import annotations

import json

import pytest

from rephase.cli.main import main


def test_plugins_tells_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--kind", "policy"]) == 0
    text = capsys.readouterr().out
    assert main(["plugins", "--kind", "policy", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert {part["kind"] for part in data["parts"]} == {"policy"}
    for part in data["parts"]:
        assert part["name"] in text
        assert part["distribution"] in text
    assert "\x1b" not in text
