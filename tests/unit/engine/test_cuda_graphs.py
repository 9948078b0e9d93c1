from __future__ import annotations

import pytest
import torch
from attrs import evolve
from rephase_torchdiffeq.adaptive import dopri5
from rephase_torchdiffeq.offers import AdaptiveConfig
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from rephase.engine.cohort import Cohort, Member
from rephase.engine.critic import CriticEnsembles
from rephase.engine.cuda_graphs import Program, SynchronisationDetector, recorder_for
from rephase.engine.learner import Batch, Learner, action_masks
from rephase.engine.parts import SharedPart, StackedPart
from rephase.engine.pretraining import EpisodePool
from rephase.engine.products import by
from rephase.manifest.algorithm import Algorithm, Variants

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
MEMBERS = [Member(0, 0), Member(2, 0), Member(0, 1)]
CASES = {
    "frozen": {},
    "frozen, corrected": {"variants": Variants.corrected()},
    "own models": {"finetune_world_model": True},
    "own models, corrected": {"finetune_world_model": True, "variants": Variants.corrected()},
}


class Tape:
    """Stands in for a CUDA graph: keeps every operation with its own tensors and runs them again without the code.

    What the code took from Python instead of from a tensor that stays is then what it was when it was recorded.
    """

    def __init__(self, error=None):
        self.error, self.rehearsals, self.replays = error, 0, 0

    def rehearse(self, work):
        self.rehearsals += 1
        return work()

    def record(self, work):
        recording = _Recording()
        with recording:
            result = work()
        recording.undo()
        if self.error:
            raise self.error
        return lambda: self._replay(recording.operations), result

    @torch.no_grad()
    def _replay(self, operations):
        self.replays += 1
        for func, args, kwargs, made in operations:
            again = func(*args, **kwargs)
            given = {place(leaf) for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
            for old, new in zip(tree_leaves(made), tree_leaves(again), strict=True):
                if torch.is_tensor(old) and place(old) not in given:
                    old.copy_(new)


class _Recording(TorchDispatchMode):
    """Keeps operations, and what they write over, because recording a graph runs nothing."""

    def __init__(self):
        super().__init__()
        self.operations, self.before = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | kwargs
        for argument in func._schema.arguments:
            if argument.alias_info is not None and argument.alias_info.is_write:
                written = [leaf for leaf in tree_leaves(given.get(argument.name)) if torch.is_tensor(leaf)]
                self.before += [(alias(leaf), leaf.detach().clone()) for leaf in written]
        made = func(*args, **kwargs)
        self.operations.append((func, *tree_map(alias, (args, kwargs, made))))
        return made

    @torch.no_grad()
    def undo(self):
        for tensor, value in reversed(self.before):
            tensor.copy_(value)


def alias(value):
    return value.detach() if torch.is_tensor(value) else value


def place(tensor):
    return tensor.untyped_storage().data_ptr()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(autouse=True)
def _products_are_operations():
    """A tape holds operations of torch alone."""
    with by("torch"):
        yield


@pytest.fixture
def build_cohort(build_model, build_policy, spaces, algorithm):
    generator = torch.Generator().manual_seed(9)
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}
    shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
    pools = {
        task: EpisodePool(*({task: torch.rand(*shape, generator=generator)} for shape in shapes)) for task in range(3)
    }

    def build(recorder=None, flow=False, policy=None, **changes):
        settings = evolve(algorithm, **changes)
        kind = "flow" if flow else "mlp"
        trains = settings.finetune_world_model
        return Cohort(
            world_model=[build_model(kind, seed) for seed in range(3)] if trains else build_model(kind),
            build_policy=policy or (lambda: build_policy("flow" if flow else "gaussian")),
            algorithm=settings,
            members=MEMBERS,
            experience=pools if trains else starts,
            spaces=spaces,
            recorder=recorder,
        )

    return build


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_replaying_an_update_is_running_it_bit_for_bit(build_cohort, case, flow):
    tape = Tape()
    replayed, written = build_cohort(tape, flow, **CASES[case]), build_cohort(None, flow, **CASES[case])
    for cohort in (replayed, written):
        cohort._learner.critics.at_once = flow
    for _ in range(7):
        replayed.advance(1)
        written.advance(1)
        assert replayed.points() == written.points()
    assert same(replayed.state_dict(), written.state_dict())
    assert (replayed.mode, written.mode) == ("replayed", "as written")
    assert (tape.rehearsals, tape.replays) == (3, 4)


def test_a_resumed_cohort_records_anew(build_cohort):
    tape = Tape()
    through, resumed = build_cohort(), build_cohort(tape)
    through.advance(5)
    resumed.advance(5)
    resumed.load_state_dict(through.state_dict())
    assert resumed.mode == "as written"
    through.advance(5)
    resumed.advance(5)
    assert same(through.state_dict(), resumed.state_dict())
    assert (tape.rehearsals, tape.replays) == (6, 4)


def test_a_replayed_update_still_tells_when_a_run_failed(build_cohort):
    cohort = build_cohort(Tape())
    cohort.advance(5)
    with torch.no_grad():
        cohort._learner.policy.parameters()["logstd"][1] = float("nan")
    cohort.advance(2)
    assert [cohort.failure(run) and cohort.failure(run).epoch for run in range(3)] == [None, 5, None]


def test_what_cannot_be_recorded_goes_on_as_it_is_written(build_cohort):
    written = build_cohort()
    cohort = build_cohort(Tape(RuntimeError("operation not permitted when stream is capturing\nand much more")))
    written.advance(6)
    cohort.advance(6)
    assert same(written.state_dict(), cohort.state_dict())
    assert cohort.mode == "as written: recording failed (operation not permitted when stream is capturing)"


def test_what_waits_for_the_device_is_not_recorded(build_cohort):
    from rephase_flow.offers import FlowPolicyConfig
    from rephase_flow.policy import FlowPolicy

    tape = Tape()
    config = FlowPolicyConfig(units=(7, 6), substeps=1)
    cohort = build_cohort(tape, policy=lambda: FlowPolicy(config, 8, 3, dopri5(AdaptiveConfig())))
    cohort._learner.policy.stackable = False
    cohort.advance(5)
    assert (tape.rehearsals, tape.replays) == (3, 0)
    assert cohort.mode.startswith("as written: it waits for the device (aten.")
    assert "aten._local_scalar_dense" in cohort.mode


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_an_update_waits_for_nothing(build_cohort, case, flow):
    cohort = build_cohort(flow=flow, **CASES[case])
    cohort.advance(1)
    with SynchronisationDetector(CPU) as detector:
        cohort._update()
    assert detector.operations == []


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (lambda x: x.sum().item(), "aten._local_scalar_dense"),
        (lambda x: bool(x.sum() > 0), "aten._local_scalar_dense"),
        (lambda x: x.nonzero(), "aten.nonzero"),
        (lambda x: x[x > 0], "aten.index"),
        (lambda x: x.masked_select(x > 0), "aten.masked_select"),
        (lambda x: torch.equal(x, x), "aten.equal"),
        (lambda x: x.unique(), "aten._unique2"),
        (lambda x: torch.tensor([1.0, 2.0]), "aten.lift_fresh"),
        (lambda x: x.to("meta"), "aten._to_copy"),
        (lambda x: torch.empty_like(x, device="meta").copy_(x), "aten.copy_"),
    ],
)
def test_what_waits_is_named_once(work, found):
    x = torch.randn(4)
    with SynchronisationDetector(CPU) as detector:
        work(x)
        work(x)
    assert detector.operations == [found]


def test_other_work_is_not_suspected():
    x, mask = torch.randn(4, requires_grad=True), torch.zeros(4, dtype=torch.bool)
    with SynchronisationDetector(CPU) as detector:
        mask[torch.arange(2)] = True
        (x.where(mask, 0.0)[torch.arange(3)].exp().to(torch.float64) * 2).sum().backward()
    assert detector.operations == []


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_elsewhere_than_on_a_cpu_an_update_stays_there(
    algorithm, build_model, build_policy, spaces, case, flow, monkeypatch
):
    """A device without numbers: whoever wants one on the host, or beside a tensor from there, gets an error."""
    monkeypatch.setattr("rephase.engine.learner._adam", lambda parameters, *_: _Still(parameters))
    algorithm = evolve(algorithm, **CASES[case])
    trains = algorithm.finetune_world_model
    models = [build_model("flow" if flow else "mlp").to("meta") for _ in range(3 if trains else 1)]
    learner = Learner(
        world_model=StackedPart(models) if trains else SharedPart(models[0], 3),
        policy=StackedPart([build_policy("flow" if flow else "gaussian").to("meta") for _ in range(3)]),
        critics=CriticEnsembles(3, 8, algorithm.critic_units, algorithm.critics).to("meta"),
        algorithm=algorithm,
        action_masks=action_masks(spaces).to("meta"),
        task_parameters=models[0].task_parameters(),
    )
    with torch.device("meta"):
        task, noise = torch.zeros(3, 4, dtype=torch.long), torch.zeros(3, 3, 4, 3)
        batch = Batch(observation=torch.zeros(3, 4, 5), task=task, noise=noise)
        if trains:
            tau = torch.zeros(3, 3, 4, 1) if flow else None
            batch = Batch(
                observation=torch.zeros(4, 3, 4, 5),
                task=task,
                noise=noise,
                action=noise,
                reward=torch.zeros(3, 3, 4),
                model_noise=tau,
            )
    for _ in range(2):
        with SynchronisationDetector(torch.device("meta")) as detector:
            update = learner.learn(batch)
        assert detector.operations == []
    assert {value.device.type for value in update.metrics.values()} == {"meta"}


class _Still:
    """An optimiser that moves nothing: torch's needs a device it knows."""

    def __init__(self, parameters):
        self.parameters = parameters

    def zero_grad(self):
        for parameter in self.parameters:
            parameter.grad = None

    def step(self):
        assert all(parameter.grad.device.type == "meta" for parameter in self.parameters)


def test_only_a_gpu_records():
    assert recorder_for(CPU) is None
    assert Program(dict, CPU, None).mode == "as written"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_cuda_graph_is_the_update_as_written(build_model, build_policy, spaces, case, flow, precision):
    generator = torch.Generator().manual_seed(9)
    algorithm = Algorithm(epochs=20, horizon=3, batch_size=4, critics=2, critic_units=(6, 5), **CASES[case])
    algorithm = evolve(algorithm, precision=precision)
    kind = "flow" if flow else "mlp"
    trains = algorithm.finetune_world_model
    shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
    episodes = {t: EpisodePool(*({t: torch.rand(*s, generator=generator)} for s in shapes)) for t in range(3)}
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}

    def build():
        return Cohort(
            world_model=[build_model(kind, seed) for seed in range(3)] if trains else build_model(kind),
            build_policy=lambda: build_policy("flow" if flow else "gaussian"),
            algorithm=algorithm,
            members=MEMBERS,
            experience=episodes if trains else starts,
            spaces=spaces,
            device="cuda",
        )

    replayed, written = build(), build()
    written._program._recorder = None
    for _ in range(8):
        replayed.advance(1)
        written.advance(1)
    assert (replayed.mode, written.mode) == ("replayed", "as written")
    for one, other in zip(replayed.points(), written.points(), strict=True):
        assert one.metrics == pytest.approx(other.metrics, rel=1e-3, abs=1e-5)
