"""The kit on world models that are broken on purpose, one for each rule."""

from __future__ import annotations

import pytest
import torch
from fakes.refusals import refusal
from rephase_mlp.offers import MLPWorldModelConfig
from rephase_mlp.world_model import MLPWorldModel

from rephase.engine.seeding import stream
from rephase.testing import IntegratorConformance, OfferConformance, PolicyConformance, WorldModelConformance
from rephase.testing.modules import SPACES

INTEGRATOR, POLICY, MODEL, OFFER = (
    IntegratorConformance(),
    PolicyConformance(),
    WorldModelConformance(),
    OfferConformance(),
)


def model(cls=MLPWorldModel):
    sizes = MLPWorldModelConfig(latent_size=16, encoder_units=(8,), units=(8,), task_size=4, bins=5)
    made = cls(sizes, SPACES)
    made.initialise(stream(0, "conformance"))
    return made


class ForgetsTasks(MLPWorldModel):
    def encode(self, observation, task):
        return super().encode(observation, torch.zeros_like(task))


class ForgetsActions(MLPWorldModel):
    def next(self, latent, action, task):
        return super().next(latent, torch.zeros_like(action), task)


class LossForEachRow(MLPWorldModel):
    def transition_loss(self, latent, target, action, task, noise):
        return (self.next(latent, action, task) - target).square().mean(-1)


class NormalisesTheBatch(MLPWorldModel):
    def reward(self, latent, action, task):
        logits = super().reward(latent, action, task)
        return logits + latent.mean(-2, keepdim=True)[..., :1]


class ShortensEveryTask(MLPWorldModel):
    def constrain(self, task):
        super().constrain(torch.arange(3))


class WritesIntoLatents(MLPWorldModel):
    def next(self, latent, action, task):
        result = super().next(latent, action, task)
        latent.data.mul_(0.5)
        return result


class NamesStrangers(MLPWorldModel):
    def task_parameters(self):
        return ("_no_such.weight",)


class CutsTheChain(MLPWorldModel):
    def next(self, latent, action, task):
        return super().next(latent.detach(), action, task)


class BinsDown(MLPWorldModel):
    def reward_bins(self):
        return super().reward_bins().flip(0)


@pytest.mark.parametrize(
    ("test", "cls", "words"),
    [
        ("test_action_and_task_matter", ForgetsTasks, "encode ignores tasks"),
        ("test_action_and_task_matter", ForgetsActions, "next ignores actions"),
        ("test_results_have_the_right_shape", LossForEachRow, "transition_loss returned (5,), expected ()"),
        ("test_results_have_the_right_shape", BinsDown, "reward_bins does not increase"),
        ("test_every_row_stands_alone", NormalisesTheBatch, "reward mixes rows of the batch"),
        (
            "test_constrains_only_the_tasks_in_use_and_only_once",
            ShortensEveryTask,
            "constrain changed other tasks in _task_emb.weight",
        ),
        ("test_leaves_its_inputs_alone", WritesIntoLatents, "a method changed its latents in place"),
        (
            "test_names_its_task_parameters",
            NamesStrangers,
            "task_parameters names ['_no_such.weight'], which are no parameters",
        ),
        ("test_gradients_reach_every_parameter", CutsTheChain, "no gradient reaches _encoder.0.weight"),
    ],
)
def test_a_broken_world_model_is_refused_in_these_words(test, cls, words):
    assert refusal(getattr(MODEL, test), model(cls)) == words
