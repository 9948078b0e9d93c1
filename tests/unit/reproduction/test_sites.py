"""Site profiles are found where the user keeps them and read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.errors import ManifestError, UnknownName, UsageError
from rephase.reproduction.sites import Site, read_sites, sites_file

TEXT = """
default = "here"

[sites.here]
partition = "short"
options = { qos = "low" }

[sites.there]
gpus = 2
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPHASE_SITES", str(tmp_path / "sites.toml"))
    return tmp_path / "sites.toml"


def test_where_profiles_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPHASE_SITES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert sites_file() == tmp_path / "rephase/sites.toml"
    monkeypatch.setenv("REPHASE_SITES", "elsewhere.toml")
    assert sites_file() == Path("elsewhere.toml")


def test_a_named_profile_goes_before_the_default(file: Path) -> None:
    file.write_text(TEXT)
    name, site = read_sites()
    assert (name, site.partition, dict(site.options)) == ("here", "short", {"qos": "low"})
    assert read_sites("there") == ("there", Site(gpus=2))


def test_without_a_file_or_a_default_nothing_is_set(file: Path) -> None:
    assert read_sites() == ("", Site())
    file.write_text("[sites.there]\ngpus = 2\n")
    assert read_sites() == ("", Site())


def test_what_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(UsageError, match=r"no file of site profiles.*\[sites\.here\]"):
        read_sites("here")
    file.write_text(TEXT)
    with pytest.raises(UnknownName, match="hree"):
        read_sites("hree")
    file.write_text("[sites.here]\npartitoin = 'short'\n")
    with pytest.raises(ManifestError, match="partitoin"):
        read_sites("here")


def test_options_of_a_profile_cannot_be_changed(file: Path) -> None:
    file.write_text(TEXT)
    _, site = read_sites()
    with pytest.raises(TypeError):
        site.options["qos"] = "high"  # type: ignore[index]
