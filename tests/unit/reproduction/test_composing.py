"""From a manifest to parts: found, checked with every problem at once, and built with the integrator handed over."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from fakes.distributions import install
from fakes.projects import make_project

from rephase.environments import SPACES
from rephase.errors import ManifestError, PluginError
from rephase.manifest import Phase
from rephase.plugins.registry import discover
from rephase.reproduction.composing import Composition, build_policy, build_world_model, compose
from rephase.reproduction.phases import open_phase

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def opened(project: Path, *changes: tuple[str, str], file: str = "configs/flowpolicy.toml") -> Phase:
    """The miniature phase, with texts of a file replaced."""
    path = project / "reproductions" / file
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return open_phase("phase3", "embedded", project)


def problems(phase: Phase, config: str = "flowpolicy") -> list[str]:
    with pytest.raises(ManifestError) as caught:
        compose(phase, discover(phase.manifest.plugins), [config])
    assert caught.value.file.endswith(f"configs/{config}.toml")
    return [str(problem) for problem in caught.value.problems]


def test_each_config_gets_the_parts_it_names_with_its_settings(project: Path) -> None:
    phase = opened(project, ("units = [16, 16]", "units = [16, 8]\nsubsteps = 3"))
    found = compose(phase, discover(phase.manifest.plugins))

    assert list(found) == ["baseline", "flowpolicy"]
    for one in found.values():
        assert one.world_model.offered.offer.name == "mlp"
        assert one.world_model.settings.latent_size == 16
        assert one.world_model.settings.bins == 101  # a default
        assert one.world_model.integrator is None
    policy = found["flowpolicy"].policy
    assert policy.offered.source.distribution == "rephase-flow"
    assert (policy.settings.units, policy.settings.substeps) == ((16, 8), 3)
    assert policy.integrator is not None
    assert policy.integrator.offered.source.distribution == "rephase-rk"
    assert found["baseline"].policy.integrator is None
    assert list(compose(phase, discover(phase.manifest.plugins), ["baseline"])) == ["baseline"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('part = "heun"', 'part = "huen"'),
            "policy.integrator.part: unknown integrator 'huen'; did you mean 'heun'? (rephase plugins shows all)",
        ),
        (
            ('\n[policy.integrator]\npart = "heun"\n', ""),
            "policy.integrator: missing key; 'flow-ode' needs one: name it",
        ),
        (
            ('part = "flow-ode"', 'part = "gaussian-mlp"'),
            "policy.integrator: 'gaussian-mlp' takes no integrator; remove it",
        ),
        (
            ("units = [16, 16]", "units = [16, 16]\nsubstep = 3"),
            "policy.settings.substep: unknown key; did you mean 'substeps'?",
        ),
        (
            ("units = [16, 16]", "units = [16, 16]\nsubsteps = 0"),
            "policy.settings.substeps: 'substeps' must be > 0: 0",
        ),
        (
            ('part = "heun"', 'part = "heun"\n[policy.integrator.settings]\nrtol = 1e-3'),
            "policy.integrator.settings.rtol: unknown key; known keys: none",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_refused_where_it_is_named(
    project: Path, change: tuple[str, str], message: str
) -> None:
    assert problems(opened(project, change)) == [message]


def test_all_problems_of_a_config_come_at_once(project: Path) -> None:
    phase = opened(project, ('part = "mlp"', 'part = "mpl"'), ('part = "heun"', 'part = "huen"'), ("16, 16]", "0]"))

    assert [one.partition(":")[0] for one in problems(phase)] == [
        "world_model.part",
        "policy.settings.units",
        "policy.integrator.part",
    ]


def test_a_part_of_a_plugin_the_manifest_does_not_pin_is_not_used(project: Path) -> None:
    opened(project, ('rephase-rk = ">=0.1"\n', ""), file="phase3/embedded.toml")
    [found] = problems(open_phase("phase3", "embedded", project))

    assert found.startswith("policy.integrator.part: unknown integrator 'heun'; ")
    hidden = found.partition("installed but not among the manifest's plugins: ")[2].split(", ")
    assert "rephase-rk" in hidden
    assert "rephase-mlp" not in hidden


def test_a_part_is_stackable_when_its_integrator_is_too(project: Path) -> None:
    phase = opened(project)
    policy = compose(phase, discover(phase.manifest.plugins))["flowpolicy"].policy
    integrator = policy.integrator
    assert integrator is not None
    assert policy.stackable

    alone = attrs.evolve(integrator.offered, offer=attrs.evolve(integrator.offered.offer, stackable=False))
    assert not attrs.evolve(policy, integrator=attrs.evolve(integrator, offered=alone)).stackable
    own = attrs.evolve(policy.offered, offer=attrs.evolve(policy.offered.offer, stackable=False))
    assert not attrs.evolve(policy, offered=own).stackable
    assert attrs.evolve(policy, integrator=None).stackable


def test_parts_are_built_with_their_settings_and_the_integrator_in_hand(project: Path) -> None:
    import torch

    phase = opened(project, ('part = "heun"', 'part = "rk4"'))
    parts = compose(phase, discover(phase.manifest.plugins))["flowpolicy"]
    model = build_world_model(parts.world_model, SPACES)
    policy = build_policy(parts.policy, 16, 6)

    assert model.latent_size() == 16
    calls = []
    velocity = policy.velocity  # type: ignore[attr-defined]
    policy.velocity = lambda *words: (calls.append(1), velocity(*words))[1]  # type: ignore[attr-defined]
    assert policy.mean(torch.zeros(2, 16)).shape == (2, 6)
    assert len(calls) == 2 * 4  # the default substeps, by the four stages of rk4


def test_a_builder_that_is_not_there_is_the_plugins_fault(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "site", "rephase-hollow", name="hollow")
    opened(project, ('rephase-rk = ">=0.1"\n', 'rephase-hollow = ">=0.1"\n'), file="phase3/embedded.toml")
    phase = opened(project, ('part = "heun"', 'part = "hollow"'))
    policy = compose(phase, discover(phase.manifest.plugins))["flowpolicy"].policy

    with pytest.raises(PluginError) as caught:
        build_policy(policy, 16, 6)

    assert str(caught.value) == (
        "rephase-hollow 1.0: the integrator 'hollow' cannot be loaded: AttributeError: module 'rephase_hollow' has no "
        "attribute 'build'; install what its plugin needs, or fix the plugin"
    )


BROKEN_POLICY = """
from attrs import frozen
from rephase.plugins import Kind, Offer, hookimpl

@frozen
class Config:
    units: tuple[int, ...] = ()

@hookimpl
def rephase_offers():
    return [Offer(kind=Kind.POLICY, name="ill", summary="a fake", config=Config, loader="rephase_ill:build")]

def build(config, latent_size, action_size, integrator=None):
    {built}

def act():
    return {{}}["no such key"]
"""


@pytest.mark.parametrize(
    ("built", "said"),
    [
        ("return object()", "the policy 'ill' is built as object, which is no torch.nn.Module; "),
        (
            "import torch; return torch.nn.Linear(1, 1)",
            "the policy 'ill' is built as Linear, which has no act and no mean ",
        ),
        ("return act()", "the policy 'ill' cannot be built: KeyError: 'no such key'; fix the plugin"),
        ("raise ValueError('too wide')", "the policy 'ill' cannot be built: too wide; change its settings"),
    ],
)
def test_what_breaks_its_contract_is_named_with_its_plugin(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str, said: str
) -> None:
    composition = _ill(project, tmp_path, monkeypatch, built)

    with pytest.raises(PluginError) as caught:
        build_policy(composition.policy, 16, 6)

    assert str(caught.value).startswith(f"rephase-ill 1.0: {said}")


def test_an_error_out_of_a_parts_own_code_is_said_of_its_plugin(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composition = _ill(project, tmp_path, monkeypatch, "return None")
    act = importlib.import_module("rephase_ill").act

    def error_of(call: Callable[[], object]) -> BaseException:
        try:
            call()
        except BaseException as error:
            return error
        raise AssertionError

    blamed = composition.blamed(error_of(act))

    assert str(blamed) == (
        "rephase-ill 1.0: the policy 'ill' failed in a run: KeyError: 'no such key'; "
        "its own tests with the conformance kit say which rule it breaks"
    )
    assert composition.blamed(error_of(lambda: {}["ours"])) is None
    assert composition.blamed(MemoryError()) is None


def _ill(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str) -> Composition:
    install(monkeypatch, tmp_path / "site", "rephase-ill", source=BROKEN_POLICY.format(built=built))
    opened(
        project, ('rephase-rk = ">=0.1"\n', 'rephase-rk = ">=0.1"\nrephase-ill = ">=0"\n'), file="phase3/embedded.toml"
    )
    phase = opened(project, ('part = "gaussian-mlp"', 'part = "ill"'), file="configs/baseline.toml")
    return compose(phase, discover(phase.manifest.plugins), ["baseline"])["baseline"]


def test_checking_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from rephase.plugins.registry import discover\n"
        "from rephase.reproduction.composing import compose\n"
        "from rephase.reproduction.phases import open_phase\n"
        f"phase = open_phase('phase3', 'logged', Path({str(ROOT)!r}))\n"
        "print(*compose(phase, discover(phase.manifest.plugins)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("baseline flowpolicy\n", "")


@pytest.mark.parametrize(
    ("built", "said"),
    [
        ("return object()", "the world-model 'ill' is built as object, which is no torch.nn.Module; "),
        (
            "import torch, rephase.protocols as all; "
            "return type('Unread', (torch.nn.Module,), {n: len for n in vars(all.WorldModel) if n[0] != '_'})()",
            "the world-model 'ill' is built as Unread, which has neither reward_bins nor both decode_reward and "
            "reward_loss; build what rephase.protocols.WorldModel describes",
        ),
    ],
    ids=["no module", "rewards nobody can read"],
)
def test_a_world_model_that_breaks_its_contract_is_named_with_its_plugin(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str, said: str
) -> None:
    from rephase.protocols import Spaces

    source = BROKEN_POLICY.format(built=built).replace("Kind.POLICY", "Kind.WORLD_MODEL")
    install(monkeypatch, tmp_path / "site", "rephase-ill", source=source)
    opened(
        project, ('rephase-rk = ">=0.1"\n', 'rephase-rk = ">=0.1"\nrephase-ill = ">=0"\n'), file="phase3/embedded.toml"
    )
    text = (project / "reproductions/configs/baseline.toml").read_text()
    settings = text[text.index("[world_model.settings]") : text.index("[policy]")]
    phase = opened(project, ('part = "mlp"', 'part = "ill"'), (settings, ""), file="configs/baseline.toml")
    composition = compose(phase, discover(phase.manifest.plugins), ["baseline"])["baseline"]

    with pytest.raises(PluginError) as caught:
        build_world_model(composition.world_model, Spaces(observation=5, action=3, action_sizes=(3, 1)))

    assert str(caught.value).startswith(f"rephase-ill 1.0: {said}")
