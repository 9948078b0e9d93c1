"""What untidy installers leave on the path: it is named with its place, and what works goes on working."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.distributions import install

from rephase.cli.main import main
from rephase.plugins import Kind
from rephase.plugins.registry import discover
from rephase.plugins.sources import installed_sources, leftovers

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def _lay(
    folder: Path, metadata: str | bytes | None, entry_points: str | bytes = "[rephase]\nold = nowhere.offers\n"
) -> Path:
    folder.mkdir(parents=True)
    for file, text in (("METADATA", metadata), ("entry_points.txt", entry_points)):
        if text is not None:
            (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.fixture
def ralston(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a stranger's whole plugin lies in."""
    install(monkeypatch, tmp_path, "rephase-ralston", version="2.5", name="ralston")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "metadata", "problem"),
    [
        ("foo-1.dist-info", None, "has entry points and no name"),
        ("foo-1.dist-info", "", "has entry points and no name"),
        ("foo-1.dist-info", "Metadata-Version: 2.1\nName: foo\n", "has entry points and no version"),
        ("foo-1.dist-info", METADATA.format(name="foo", version="one"), "'one' is no version"),
        ("foo-1.dist-info", b"Name: \xff\xfe\nVersion: 1\n", ""),
        (
            "~ephase_ralston-2.5.dist-info",
            METADATA.format(name="rephase-ralston", version="2.5"),
            "is left of an uninstallation that was cut off",
        ),
        (
            "Rephase_Ralston-0.9.dist-info",
            METADATA.format(name="Rephase_Ralston", version="0.9"),
            "rephase-ralston 0.9 is not used beside rephase-ralston 2.5 in ",
        ),
        (
            "Rephase_Ralston-10.0rc1.dist-info",
            "Metadata-Version: 2.1\nName: rephase-ralston\n",
            "has entry points and no version",
        ),
    ],
)
def test_a_leftover_is_named_and_what_works_goes_on_working(
    ralston: Path, name: str, metadata: str | bytes | None, problem: str
) -> None:
    folder = _lay(ralston / name, metadata)

    registry = discover()

    assert str(registry.find(Kind.INTEGRATOR, "ralston").source) == "rephase-ralston 2.5"
    assert registry.faults == ()
    [left] = [one for one in leftovers() if one.place == str(folder)]
    assert problem in left.problem


def test_entry_points_nobody_can_read_are_a_leftover(ralston: Path) -> None:
    folder = _lay(
        ralston / "bar-1.dist-info", METADATA.format(name="bar", version="1"), b"[rephase]\nno equals sign\xff\n"
    )

    assert discover().find(Kind.INTEGRATOR, "ralston")
    assert [one.place for one in leftovers()] == [str(folder)]
    assert leftovers()[0].problem.startswith("its metadata cannot be read: ")


def test_the_newest_of_two_versions_beside_each_other_counts_whole(ralston: Path) -> None:
    """Whichever the folder lists first, no entry point of the older one is left over."""
    _lay(ralston / "A_first-0.1.dist-info", METADATA.format(name="Rephase.Ralston", version="0.1"))

    mine = [(str(source), point.name) for source, point in installed_sources() if "ralston" in source.distribution]

    assert mine == [("rephase-ralston 2.5", "fake")]


def test_the_first_place_on_the_path_counts_and_a_copy_behind_it_is_no_leftover(
    ralston: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, ralston / "nearer", "rephase-ralston", version="1.0", name="ralston")

    assert str(discover().find(Kind.INTEGRATOR, "ralston").source) == "rephase-ralston 1.0"
    assert leftovers() == ()


def test_distributions_that_are_no_plugins_are_nobodys_business(ralston: Path) -> None:
    _lay(ralston / "other-1.dist-info", None, "[console_scripts]\nx = y:z\n")

    assert leftovers() == ()


def test_plugins_lists_leftovers_and_ends_0(ralston: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _lay(ralston / "foo-1.dist-info", None)

    assert main(["plugins"]) == 0

    assert (
        f"not used: {folder}: has entry points and no name; remove this folder or install it again"
        in capsys.readouterr().out.splitlines()
    )
