"""Which runs become which jobs, and what stands in them."""

from __future__ import annotations

import attrs
import pytest
from fakes.queues import FIRST, FakeQueue, complete, ended, handed_over

from rephase.errors import UsageError
from rephase.protocols import Bind
from rephase.reproduction.jobs import Order, plan
from rephase.reproduction.reconciling import job_states
from rephase.reproduction.storing import Store


def test_plans_one_array_for_each_config_with_the_indices_run_uses(store: Store, order: Order) -> None:
    ready = plan(store, order, {})
    assert list(ready.arrays) == ["baseline", "flowpolicy"]
    for name, job in ready.arrays.items():
        for task, run in zip(job.tasks, ready.runs[name], strict=True):
            assert store.phase.run_at(task.index, config=name) == run
            assert task.label == run.label
    assert ready.skipped == ()
    assert ready.arrays["baseline"].arguments == (
        "run", "phase3", "--scale", "embedded", "--project", str(order.project), "--runs", str(order.runs),
        "--expect-manifest", store.phase.digest, "--config", "baseline",
    )  # fmt: skip
    assert ready.check.arguments[:4] == ("check", "phase3", "--scale", "embedded")
    assert (ready.check.request.gpu, ready.check.request.cpus) == ("", 1)


def test_jobs_are_told_which_inputs_the_user_allowed(
    store: Store, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(store, order, {}).arrays["baseline"].container.environment == {}
    monkeypatch.setenv("REPHASE_INPUTS", "/scratch/a:/scratch/b")
    job = plan(store, order, {}).arrays["baseline"]
    assert job.container.environment == {"REPHASE_INPUTS": "/scratch/a:/scratch/b"}


def test_binds_inputs_read_only_and_runs_writable_last(store: Store, order: Order) -> None:
    binds = plan(store, order, {}).arrays["baseline"].container.binds
    assert binds == (Bind(order.project / "reproductions"), Bind(order.runs, writable=True))


def test_what_was_killed_for_memory_is_not_repeated_with_no_more_of_it(store: Store, order: Order) -> None:
    queue = FakeQueue()
    order = attrs.evolve(order, overrides={"partition": "ice-gpu", "memory": "10GB"})
    submission = handed_over(store, order, queue)
    assert submission is not None
    queue.told = {job: ended(job, "TIMEOUT") for job in submission.jobs.values()}
    queue.told["100_0"] = ended("100_0", "OUT_OF_MEMORY")
    with pytest.raises(UsageError) as caught:
        handed_over(store, attrs.evolve(order, overrides={"partition": "ice-gpu"}), queue)
    assert str(caught.value) == (
        "phase3-embedded: 1 run was killed for memory with 10GB (baseline/reacher-easy/seed-1); "
        "submit with --memory 20GB, or with --memory 10GB to try the same again"
    )
    others = tuple(run for run in store.phase.runs() if run != FIRST)
    assert plan(store, attrs.evolve(order, wanted=others), job_states(store, queue.engine)).arrays
    assert handed_over(store, attrs.evolve(order, overrides={"partition": "ice-gpu", "memory": "20GB"}), queue)


def test_completed_and_held_runs_and_those_beyond_the_limit_are_left_out_with_the_reason(
    store: Store, order: Order
) -> None:
    runs = store.phase.runs()
    complete(store, runs[0])
    with store.claim([runs[1]]):
        skipped = plan(store, attrs.evolve(order, limit=4), {}).skipped
    assert [one.reason for one in skipped] == ["completed", "a process runs it", "beyond --limit", "beyond --limit"]
