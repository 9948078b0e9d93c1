"""Made-up returns of two methods in four tasks, as tables that any lab might write."""

import random

METHODS, TASKS, SEEDS = ("sac", "ppo"), ("hop", "walk", "run", "swim"), (1, 2, 3, 4, 5)


def values(seed=0, spread=0.05):
    draw = random.Random(seed)
    return {
        (method, task, run): round(
            (300 + 200 * TASKS.index(task) - 50 * METHODS.index(method)) * draw.gauss(1, spread), 3
        )
        for method in METHODS
        for task in TASKS
        for run in SEEDS
    }


def write(path, rows, columns="algo,env,seed,episode_reward"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def table(path, cells):
    return write(path, [(*run, value) for run, value in cells.items()])
