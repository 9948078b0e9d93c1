"""The 30 tasks as dm_control runs them, one environment at a time: what the batched tasks are held against.

The 11 custom tasks are written here a second time, on dm_control's own physics and task classes and its own scalar
``tolerance``, so that the two versions share no code.
"""

import numpy as np

from rephase.environments import required_task
from rephase.environments.domains import open_domain

LINEAR = {"sigmoid": "linear"}


class Original:
    """One dm_control environment driven as the agent's code drives it."""

    def __init__(self, suite, name, seed):
        self.task = required_task(name)
        self.environment = _load(suite, self.task, seed)

    def reset(self):
        return self._flat(self.environment.reset())

    def step(self, action):
        control = -1 + (action[: self.task.action_size].astype(np.float64) + 1)
        rewards = []
        for _ in range(2):
            step = self.environment.step(control)
            rewards.append(step.reward)
        return self._flat(step), sum(rewards)

    def _flat(self, step):
        return np.concatenate([np.ravel(part) for part in step.observation.values()])


def _load(suite, task, seed):
    domain, _, name = task.name.partition("-")
    domain, name = {"cup": "ball_in_cup"}.get(domain, domain), name.replace("-", "_")
    if not task.custom:
        return suite.load(domain, name, task_kwargs={"random": seed})
    from dm_control.rl import control

    module = getattr(suite, domain)
    if domain == "reacher":
        model = open_domain(task).model(task)
        physics = module.Physics.from_model(_wrapped(model))
        size = 0.05 if name.endswith("easy") else 0.015
        return control.Environment(physics, module.Reacher(target_size=size, random=seed), time_limit=20)
    physics = module.Physics.from_xml_string(*module.get_model_and_assets())
    custom = _custom(suite, name if domain != "walker" else f"walker_{name}", domain)
    timestep = getattr(module, "_CONTROL_TIMESTEP", None)
    return control.Environment(physics, custom(random=seed), time_limit=1e9, control_timestep=timestep)


def _wrapped(model):
    from dm_control.mujoco.wrapper import MjModel

    return MjModel(model)


def _custom(suite, name, domain):
    from dm_control.utils.rewards import tolerance

    class Walker(suite.walker.PlanarWalker):
        speed = 1 if "walk_backwards" in name else 8

        def __init__(self, random):
            super().__init__(move_speed=0, random=random)

        def get_reward(self, physics):
            move = tolerance(
                physics.horizontal_velocity(), (-np.inf, -self.speed), self.speed / 2, value_at_margin=0.5, **LINEAR
            )
            return super().get_reward(physics) * (5 * move + 1) / 6

    class Cheetah(suite.cheetah.Cheetah):
        def get_reward(self, physics):
            return getattr(self, name)(physics)

        def run_backwards(self, physics):
            return tolerance(physics.speed(), (-np.inf, -8), 8, value_at_margin=0, **LINEAR)

        def run_front(self, physics):
            return self._one_foot(physics, "bfoot")

        def run_back(self, physics):
            return self._one_foot(physics, "ffoot")

        def jump(self, physics):
            slow = tolerance(physics.speed(), (-0.5, 0.5), 0.5, value_at_margin=0, **LINEAR)
            torso = physics.named.data.xpos["torso", "z"]
            feet = [(torso + physics.named.data.xpos[foot, "z"]) / 2 for foot in ("bfoot", "ffoot")]
            return sum((5 * self._up(height) + slow) / 6 for height in feet) / 2

        def _one_foot(self, physics, foot):
            up = 3 * self._up(physics.named.data.xpos[foot, "z"]) + 2 * self._up(physics.named.data.xpos["torso", "z"])
            fast = tolerance(physics.speed(), (6, np.inf), 6, value_at_margin=0, **LINEAR)
            return up / 5 * (5 * fast + 1) / 6

        def _up(self, height):
            return tolerance(height, (1.2, np.inf), 0.6)

    class Hopper(suite.hopper.Hopper):
        def __init__(self, random):
            super().__init__(hopping=True, random=random)

        def get_reward(self, physics):
            standing = tolerance(physics.height(), (0.6, 2))
            return standing * tolerance(physics.speed(), (-np.inf, -1), 0.5, value_at_margin=0.5, **LINEAR)

    class Cup(suite.ball_in_cup.BallInCup):
        def initialize_episode(self, physics):
            anywhere = self.random.uniform(0, 1) < 0.1
            while True:
                physics.named.data.qpos["ball_x"] = self.random.uniform(-0.2, 0.2)
                physics.named.data.qpos["ball_z"] = self.random.uniform(0.2, 0.5)
                physics.after_reset()
                if physics.data.ncon == 0 and (anywhere or physics.in_target()):
                    return

        def get_reward(self, physics):
            far = tolerance(
                np.linalg.norm(physics.ball_to_target()), (0.5, np.inf), 0.25, value_at_margin=0.5, **LINEAR
            )
            velocity = [physics.named.data.qvel[joint][0] for joint in ("ball_x", "ball_z")]
            fast = tolerance(np.linalg.norm(velocity), (6, np.inf), 3, value_at_margin=0.5, **LINEAR)
            return (1 - physics.in_target()) * (far + 2 * fast) / 3

    class Pendulum(suite.pendulum.SwingUp):
        def get_reward(self, physics):
            return tolerance(abs(physics.angular_velocity()[0]), (9, np.inf), 4.5, value_at_margin=0.5, **LINEAR)

    return {"walker": Walker, "cheetah": Cheetah, "hopper": Hopper, "ball_in_cup": Cup, "pendulum": Pendulum}[domain]
