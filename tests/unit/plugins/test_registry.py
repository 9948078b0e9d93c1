"""Plugins of strangers: what is found, what is refused, and in which words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fakes.distributions import OFFER, install

from rephase.errors import PluginError, UnknownName
from rephase.plugins import Kind
from rephase.plugins.registry import discover
from rephase.plugins.sources import normalised
from rephase.plugins.trackers import discover_trackers


def test_first_party_parts_are_found_sorted() -> None:
    registry = discover(["rephase-mlp", "rephase-flow", "rephase-euler", "rephase-rk"])

    found = [(str(one.offer.kind), one.offer.name) for one in registry.offered]
    assert found == [
        ("integrator", "euler"),
        ("integrator", "heun"),
        ("integrator", "midpoint"),
        ("integrator", "rk4"),
        ("policy", "flow-matched"),
        ("policy", "flow-ode"),
        ("policy", "gaussian-mlp"),
        ("world-model", "flow"),
        ("world-model", "gaussian-gru"),
        ("world-model", "mlp"),
    ]
    assert registry.faults == ()


def test_discovery_imports_no_torch() -> None:
    code = (
        "import sys; from rephase.plugins.registry import discover; "
        "assert discover().offered; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_a_strangers_part_is_found_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-ralston", version="2.5", name="ralston")

    offered = discover(["rephase_Ralston"]).find(Kind.INTEGRATOR, "ralston")

    assert str(offered.source) == "rephase-ralston 2.5"


def test_a_broken_plugin_is_a_listed_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-broken", source="import nowhere_to_be_found\n")

    registry = discover()

    assert [str(fault.error()) for fault in registry.faults] == [
        "rephase-broken 1.0: rephase_broken cannot be imported: ModuleNotFoundError: No module named "
        "'nowhere_to_be_found'; fix or remove rephase-broken"
    ]
    assert registry.find(Kind.POLICY, "gaussian-mlp").source.distribution == "rephase-mlp"


def test_a_misspelt_hook_names_its_owner_and_the_right_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, "rephase-misspelt", hook="rephase_ofers")

    [fault] = discover(["rephase-misspelt"]).faults

    assert str(fault.error()) == (
        "rephase-misspelt 1.0: implements an unknown hook 'rephase_ofers'; did you mean 'rephase_offers'?"
    )


def test_two_offers_of_one_name_name_both_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path / "a", "rephase-one", name="twin")
    install(monkeypatch, tmp_path / "b", "rephase-two", version="3.0", name="twin")

    registry = discover()

    with pytest.raises(PluginError) as caught:
        registry.find(Kind.INTEGRATOR, "twin", "f.toml: policy.integrator.part")
    assert str(caught.value) == (
        "f.toml: policy.integrator.part: integrator 'twin' is offered by rephase-one 1.0 and rephase-two 3.0; "
        "uninstall all but one of them"
    )
    assert registry.find(Kind.INTEGRATOR, "heun").source.distribution == "rephase-rk"


def test_what_is_not_allowed_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-evil", source="raise SystemExit('imported')\n")

    registry = discover(["rephase-rk"])

    assert "rephase-evil" in [source.distribution for source in registry.blocked]
    assert {one.source.distribution for one in registry.offered} == {"rephase-rk"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\n", "rephase_odd implements no hook; mark rephase_offers with rephase.plugins.hookimpl"),
        (
            "from rephase.plugins import hookimpl\n@hookimpl\ndef rephase_offers():\n    return ['x']\n",
            "rephase_offers returned 'x'; return rephase.plugins.Offer objects",
        ),
        (
            "from rephase.plugins import hookimpl\n@hookimpl\ndef rephase_offers():\n    raise OSError('no\\nway')\n",
            "rephase_offers failed: OSError: no way; fix or remove rephase-odd",
        ),
        (
            "from rephase.plugins import hookimpl\n@hookimpl\ndef rephase_offers(more):\n    return []\n",
            None,
        ),
    ],
)
def test_odd_plugins_are_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str | None
) -> None:
    install(monkeypatch, tmp_path, "rephase-odd", source=source)

    [fault] = discover(["rephase-odd"]).faults

    message = str(fault.error())
    assert message.startswith("rephase-odd 1.0: ")
    if problem is None:
        assert "does not fit the hook specifications" in message
        assert "more" in message
    else:
        assert message == f"rephase-odd 1.0: {problem}"


def test_unknown_names_come_with_near_ones() -> None:
    with pytest.raises(UnknownName) as caught:
        discover(["rephase-rk"]).find(Kind.INTEGRATOR, "huen")

    assert str(caught.value) == "unknown integrator 'huen'; did you mean 'heun'? (rephase plugins shows all)"


def test_pins_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-ralston", version="2.5", name="ralston")
    pins = {"rephase-ralston": ">=2,<3"}
    registry = discover(pins)

    assert [str(source) for source in registry.require(pins)] == ["rephase-ralston 2.5"]
    with pytest.raises(PluginError) as missing:
        registry.require({"rephase-absent": ">=1"}, "m.toml")
    assert str(missing.value) == (
        "m.toml: plugins.rephase-absent: is not installed, or offers nothing; install rephase-absent>=1"
    )
    with pytest.raises(PluginError) as old:
        registry.require({"rephase-ralston": ">=3"}, "m.toml")
    assert str(old.value) == (
        "m.toml: plugins.rephase-ralston: version 2.5 is installed, >=3 is asked for; install rephase-ralston>=3"
    )


def test_a_fault_among_the_pinned_stops_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-broken", source="1/0\n")
    pins = {"rephase-broken": ""}

    with pytest.raises(PluginError, match="rephase_broken cannot be imported: ZeroDivisionError"):
        discover(pins).require(pins)


def test_names_are_compared_as_packaging_tools_do() -> None:
    assert normalised("Rephase_.Flow") == "rephase-flow"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys\nsys.exit('no licence found')\n", "SystemExit: no licence found"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0"),
        ("class Stop(BaseException): pass\nraise Stop\n", "Stop: no message"),
        ("class Mute(Exception):\n    def __str__(self): raise OSError\nraise Mute\n", "whose words cannot be had"),
    ],
)
def test_a_plugin_that_leaves_on_import_is_a_listed_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    install(monkeypatch, tmp_path, "rephase-leaver", source=source)

    registry = discover()

    [fault] = registry.faults
    assert fault.problem.startswith("rephase_leaver cannot be imported: ")
    assert said in fault.problem
    assert registry.find(Kind.INTEGRATOR, "heun").source.distribution == "rephase-rk"


def test_a_hook_that_leaves_is_a_listed_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import sys\nfrom rephase.plugins import hookimpl\n@hookimpl\ndef {hook}():\n    sys.exit('gone')\n"
    install(monkeypatch, tmp_path / "a", "rephase-a", source=text.format(hook="rephase_offers"))
    install(monkeypatch, tmp_path / "b", "rephase-b", source=text.format(hook="rephase_trackers"))

    assert [fault.problem for fault in discover().faults] == ["rephase_offers failed: SystemExit: gone"]
    assert [fault.problem for fault in discover_trackers().faults] == ["rephase_trackers failed: SystemExit: gone"]


def test_what_a_plugin_prints_stays_off_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, tmp_path, "rephase-chatty", source="print('welcome')\n")

    discover(["rephase-chatty"])

    assert capsys.readouterr().out == ""


def test_an_offer_of_no_kind_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, "rephase-kindless", kind="INTEGRATOR.value")

    [fault] = discover().faults

    assert fault.remedy == "return rephase.plugins.Offer objects of a Kind and with attrs configs"


def test_one_plugin_that_offers_a_name_twice_is_told_to_mend_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = OFFER.format(hook="rephase_offers", name="twin", kind="INTEGRATOR", module="x").replace(
        "return ", "return 2*"
    )
    install(monkeypatch, tmp_path, "rephase-twice", source=twice)

    [fault] = discover().faults

    assert fault.remedy == "fix rephase-twice: it may offer a name once"
