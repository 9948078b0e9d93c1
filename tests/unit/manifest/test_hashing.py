"""Digests name their algorithm, are of what lies on the disk, and are one for one value."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import pytest
from attrs import frozen

from rephase.errors import InputMismatch
from rephase.manifest.hashing import (
    bytes_digest,
    canonical_json,
    digest_of,
    digest_of_json,
    file_digest,
    is_digest,
    plain,
    short,
    verify_file,
)


class Colour(StrEnum):
    RED = "red"


@frozen
class Part:
    sizes: tuple[int, ...]
    colour: Colour
    more: MappingProxyType[str, int]


PART = Part((1, 2), Colour.RED, MappingProxyType({"b": 1, "a": 2}))


def test_a_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    data = b"x" * (3 << 20)
    (tmp_path / "file").write_bytes(data)
    expected = "sha256:" + hashlib.sha256(data).hexdigest()
    assert bytes_digest(data) == file_digest(tmp_path / "file") == expected
    assert is_digest(expected)
    assert short(expected) == expected[7:19]


@pytest.mark.parametrize(
    "text", ["", "ab" * 32, "sha256:" + "AB" * 32, "sha256:" + "ab" * 31, "sha256:" + "ab" * 32 + "\n"]
)
def test_what_is_no_digest(text: str) -> None:
    assert not is_digest(text)


def test_a_missing_or_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMismatch, match="cannot be read"):
        file_digest(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"x")
    verify_file(tmp_path / "file", bytes_digest(b"x"))
    with pytest.raises(InputMismatch, match=r"expected sha256:.*; fetch it again"):
        verify_file(tmp_path / "file", bytes_digest(b"y"), "fetch it again")


def test_a_value_has_one_text_whatever_holds_it() -> None:
    assert plain(PART) == {"sizes": [1, 2], "colour": "red", "more": {"b": 1, "a": 2}}
    assert canonical_json(PART) == '{"colour":"red","more":{"a":2,"b":1},"sizes":[1,2]}'
    assert digest_of(PART) == digest_of(plain(PART)) == digest_of_json(plain(PART))
    assert digest_of({"a": "é"}) == bytes_digest(b'{"a":"\\u00e9"}')


def test_numbers_that_are_not_finite_have_none() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_of({"a": float("nan")})
