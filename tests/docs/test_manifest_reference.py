"""The reference of manifests is what the classes that read them say, and its schemas take every shipped file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest

from rephase.cli.manifest_reference import FILES, written
from rephase.manifest.describing import json_schema, tables
from rephase.manifest.schema import Config, Manifest

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted([*ROOT.glob("reproductions/*/embedded.toml"), *ROOT.glob("reproductions/*/logged.toml")])
CONFIGS = sorted(ROOT.glob("reproductions/configs/*.toml"))
SCHEMAS = {shape: json_schema(shape, "x") for shape in (Manifest, Config)}


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_the_files_are_what_the_classes_say(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == written(ROOT)[file], "write it again with: nox -s pages"


@pytest.mark.parametrize("shape", [Manifest, Config])
def test_every_key_has_a_type_and_a_meaning(shape: type) -> None:
    found = {(table.path, key.name): key for table in tables(shape) for key in table.keys}

    assert all(key.meaning and key.type for key in found.values()), [at for at, key in found.items() if not key.meaning]
    assert ("", "schema") in found
    assert found["", "title"].default == "required"
    if shape is Manifest:
        assert found["algorithm.variants", "reward_loss"].type == '`"as-logged"` or `"corrected"`'
        assert found["inputs.NAME", "sha256"].default == "required"


@pytest.mark.parametrize("file", [*MANIFESTS, *CONFIGS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_shipped_file_fits_its_schema(file: Path) -> None:
    jsonschema.validate(_read(file), SCHEMAS[Config if file in CONFIGS else Manifest])


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (["algorithm", "epoch"], 3),
        (["algorithm", "epochs"], 0),
        (["algorithm", "epochs"], "3"),
        (["algorithm", "variants", "bootstrap"], "mended"),
        (["evaluation", "plan"], "guess"),
        (["scale"], "huge"),
        (["seeds"], ["a"]),
        (["nonsense"], 1),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses_too(way: list[str], value: object) -> None:
    document = _read(ROOT / "reproductions/phase3/embedded.toml")
    table = document
    for key in way[:-1]:
        table = table.setdefault(key, {})
    table[way[-1]] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMAS[Manifest])


def test_the_schema_is_one_and_is_taken_from_every_field() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[Manifest])

    assert set(SCHEMAS[Manifest]["properties"]) == {field.name for field in attrs.fields(Manifest)}


def test_editors_are_told_of_schemas_that_are_there() -> None:
    for rule in _read(ROOT / ".taplo.toml")["rule"]:
        assert json.loads((ROOT / rule["schema"]["path"]).read_text(encoding="utf-8"))["properties"]
        assert [file for pattern in rule["include"] for file in ROOT.glob(pattern)]
