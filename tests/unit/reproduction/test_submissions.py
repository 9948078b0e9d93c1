"""What was handed to a queue is written down, read back, and the latest of a run counts."""

from __future__ import annotations

import json
import multiprocessing

import pytest
from fakes.queues import FIRST, FakeQueue, ended, handed_over

from rephase.errors import InvalidRecord, UsageError
from rephase.reproduction.jobs import Order
from rephase.reproduction.storing import Store
from rephase.reproduction.submissions import latest_by_run, one_submitter, read_submissions


def _submit_elsewhere(store: Store, answers: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    try:
        with one_submitter(store):
            answers.put("submitted")
    except UsageError as error:
        answers.put(str(error))


def test_only_one_process_submits_at_a_time(store: Store) -> None:
    answers = multiprocessing.get_context("fork").Queue()
    with one_submitter(store):
        other = multiprocessing.get_context("fork").Process(target=_submit_elsewhere, args=(store, answers))
        other.start()
        assert answers.get(timeout=60) == (
            f"{store.folder / 'submissions'}: another process is submitting these runs; wait for it, then look again"
        )
        other.join()


def test_the_latest_submission_of_a_run_counts(store: Store, order: Order) -> None:
    queue = FakeQueue()
    first = handed_over(store, order, queue)
    assert first is not None
    queue.told = {job: ended(job, "NODE_FAIL") for job in first.jobs.values()}
    queue.number = 7  # another engine or cluster counts for itself
    handed_over(store, order, queue)
    [latest] = latest_by_run(store, (FIRST,)).values()
    assert latest.jobs[FIRST.label] == "7_0"
    assert latest.sequence == 2


def test_submissions_of_the_first_version_are_read_and_come_first(store: Store, order: Order) -> None:
    submission = handed_over(store, order, FakeQueue())
    assert submission is not None
    keys = ("schema", "phase", "manifest_digest", "image", "arrays", "jobs", "check", "requests")
    written = json.loads((store.folder / "submissions" / "100.json").read_text())
    old = {key: written[key] for key in keys}
    path = store.folder / "submissions" / "900.json"
    path.write_text(json.dumps(old | {"arrays": {"baseline": "900"}, "jobs": {FIRST.label: "900_0"}}))
    first, second = read_submissions(store)
    assert (first.name, first.runner, first.released) == ("900", "slurm", True)
    assert second == submission


def test_a_submission_that_is_none_is_said(store: Store, order: Order) -> None:
    handed_over(store, order, FakeQueue())
    path = store.folder / "submissions" / "100.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 9}))
    with pytest.raises(InvalidRecord, match="has schema 9, this version reads schema 1"):
        read_submissions(store)
    path.write_text("{")
    with pytest.raises(InvalidRecord, match="is not a submission"):
        read_submissions(store)
