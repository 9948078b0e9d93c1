"""The log's 30 tasks are an offer like any plugin's."""

import pytest

from rephase.environments import TASKS
from rephase.environments.suite import RETURNS, build, rephase_tasks, required_task
from rephase.errors import UnknownName
from rephase.protocols import BatchedEnvironment, Spaces


def test_every_task_is_offered_with_its_sizes_and_row():
    offers = rephase_tasks()
    assert [offer.index for offer in offers] == list(range(30))
    for offer, task in zip(offers, TASKS, strict=True):
        assert (offer.name, offer.observation_size, offer.action_size) == (
            task.name,
            task.observation_size,
            task.action_size,
        )
        assert offer.returns == RETURNS
        assert ("sparse" in offer.summary) == task.sparse


def test_an_offer_builds_its_task_padded_to_the_sizes_asked_for():
    offer = next(offer for offer in rephase_tasks() if offer.name == "pendulum-swingup")
    environment = build(offer, 2, 1, Spaces(30, 7, ()))
    assert isinstance(environment, BatchedEnvironment)
    assert environment.reset([0, 1]).shape == (2, 30)
    assert environment.task_index() == offer.index
    environment.close()


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'walker-stand'"):
        required_task("walker-stnd")
