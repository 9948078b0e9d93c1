from __future__ import annotations

import json
import platform

from rephase.runtime.machine import SlurmJob, describe_job, describe_machine, image_digest

ARRAY_TASK = {
    "SLURM_JOB_ID": "4011718",
    "SLURM_ARRAY_JOB_ID": "4011713",
    "SLURM_ARRAY_TASK_ID": "4",
    "SLURM_JOB_PARTITION": "ice-gpu",
    "SLURMD_NODENAME": "node7",
    "SLURM_RESTART_COUNT": "2",
}


def test_describes_this_machine_as_json_values() -> None:
    machine = describe_machine({})
    assert machine.host == platform.node()
    assert machine.cores >= 1
    assert machine.python == platform.python_version()
    assert machine.slurm is None
    assert machine.image == ""
    assert not machine.container
    assert json.loads(json.dumps(machine.as_plain()))["cpu"] == machine.cpu


def test_what_goes_into_a_record_names_no_machine() -> None:
    told = describe_machine({**ARRAY_TASK, "SLURM_JOB_ID": "4011718"}).as_plain()
    assert "host" not in told
    assert "node" not in told["slurm"]
    assert told["slurm"]["partition"] == "ice-gpu"


def test_names_the_array_task_as_the_queue_does() -> None:
    job = describe_job(ARRAY_TASK)
    assert job == SlurmJob(
        job_id="4011718", array_job_id="4011713", array_task_id="4", partition="ice-gpu", node="node7", restarts=2
    )
    assert job.label == "4011713_4"
    assert SlurmJob(job_id="17").label == "17"


def test_is_in_no_job_without_a_job_id() -> None:
    assert describe_job({"SLURM_ARRAY_TASK_ID": "4"}) is None


def test_a_restart_count_that_is_no_number_counts_as_none() -> None:
    assert describe_job({"SLURM_JOB_ID": "1", "SLURM_RESTART_COUNT": "x"}) == SlurmJob(job_id="1")


def test_reads_the_image_from_whoever_started_the_container() -> None:
    digest = "sha256:" + "a" * 64
    machine = describe_machine({"REPHASE_IMAGE_DIGEST": digest, "APPTAINER_CONTAINER": "/images/rephase.sif"})
    assert machine.image == digest == image_digest({"REPHASE_IMAGE_DIGEST": digest})
    assert machine.container
