from __future__ import annotations

import threading

import pytest
import torch
from attrs import evolve

from rephase.engine.cohort import Cohort, Member
from rephase.engine.pretraining import EpisodePool

MEMBERS = [Member(0, 0), Member(2, 1)]


@pytest.fixture(params=[False, True], ids=["shared", "own"])
def build(request, build_model, build_policy, spaces, algorithm):
    generator = torch.Generator().manual_seed(9)
    shapes = ((4, 21, 5), (4, 20, 3), (4, 20))
    pools = {t: EpisodePool(*({t: torch.rand(*s, generator=generator)} for s in shapes)) for t in range(3)}
    starts = {task: torch.randn(6, 5, generator=generator) for task in range(3)}
    own = request.param

    def build():
        models = [build_model(seed=seed) for seed in range(2)] if own else build_model()
        settings = evolve(algorithm, finetune_world_model=own)
        return Cohort(
            world_model=models,
            build_policy=build_policy,
            algorithm=settings,
            members=MEMBERS,
            experience=pools if own else starts,
            spaces=spaces,
        )

    return build


def test_actors_stay_what_the_runs_were(build):
    cohort, observation = build(), torch.randn(2, 3, 5)
    cohort.advance(1)
    actors, before = cohort.actors(), cohort.act(observation)
    assert torch.equal(actors.act(observation), before)
    cohort.advance(2)
    assert torch.equal(actors.act(observation), before)
    assert not torch.equal(cohort.act(observation), before)


def test_actors_come_back_from_their_state(build):
    first, second, observation = build(), build(), torch.randn(2, 3, 5)
    first.advance(2)
    actors = second.actors()
    own = [name for name in first.actors().state_dict() if name.startswith("world_model/")]
    assert bool(own) == first.algorithm.finetune_world_model
    actors.load_state_dict(first.actors().state_dict())
    assert torch.equal(actors.act(observation), first.act(observation))


def test_acting_in_a_thread_and_training_do_not_meet(build):
    alone, observed, observation = build(), build(), torch.randn(2, 3, 5)
    observed.advance(1)
    actors, found, over = observed.actors(), [], threading.Event()

    def act():
        torch.set_num_threads(1)
        while not over.is_set() or not found:
            found.append(actors.act(observation))

    thread = threading.Thread(target=act)
    thread.start()
    observed.advance(4)
    over.set()
    thread.join()
    alone.advance(5)
    assert all(torch.equal(one, found[0]) for one in found)
    assert alone.points() == observed.points()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, observed.state_dict()[name])
