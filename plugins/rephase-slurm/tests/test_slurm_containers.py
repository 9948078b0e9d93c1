from __future__ import annotations

from pathlib import Path

import pytest
from rephase_slurm.containers import container_environment, run_command

from rephase.errors import UsageError
from rephase.protocols import Bind, Container

DIGEST = "sha256:" + "ab" * 32
CONTAINER = Container("/images/rephase.sif", DIGEST, (Bind(Path("/data")), Bind(Path("/runs"), writable=True)))


def test_a_run_is_one_line_that_can_be_read() -> None:
    assert " ".join(run_command(CONTAINER, ["run", "phase3", "--index", "4"])) == (
        "apptainer run --cleanenv --no-home --no-mount cwd --pwd / --bind /data:/data:ro --bind /runs:/runs:rw "
        "/images/rephase.sif run phase3 --index 4"
    )


def test_the_driver_is_handed_in_only_on_request() -> None:
    assert run_command(CONTAINER, [], gpu=True)[:3] == ("apptainer", "run", "--nv")
    assert "--nv" not in run_command(CONTAINER, [])


def test_passes_the_named_variables_and_says_which_image_it_is() -> None:
    host = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0,1", "SLURM_JOB_ID": "17", "SECRET": "x"}
    environ = container_environment(CONTAINER, host)
    told = {name: value for name, value in environ.items() if name.startswith("APPTAINERENV_")}
    assert told == {
        "APPTAINERENV_CUDA_VISIBLE_DEVICES": "0,1",
        "APPTAINERENV_SLURM_JOB_ID": "17",
        "APPTAINERENV_REPHASE_IMAGE_DIGEST": DIGEST,
        "APPTAINERENV_PYTHONNOUSERSITE": "1",
        "APPTAINERENV_PYTHONUNBUFFERED": "1",
    }
    assert environ["PATH"] == "/bin"


def test_passes_on_what_else_the_job_tells_its_processes() -> None:
    told = Container(CONTAINER.image, DIGEST, environment={"REPHASE_INPUTS": "/scratch"})
    assert container_environment(told, {})["APPTAINERENV_REPHASE_INPUTS"] == "/scratch"


@pytest.mark.parametrize("path", ["relative", "/a,b", "/a:b", "/a\nb"])
def test_refuses_paths_that_apptainer_would_misread(path: str) -> None:
    with pytest.raises(UsageError) as caught:
        Bind(Path(path))
    assert str(caught.value) == (
        f"{path!r} cannot be the path of a bind: a comma, a colon or a control character, or not absolute; "
        "move it to a folder with a plain name"
    )


@pytest.mark.parametrize("image", ["/a,b", "/a:b", "/a\nb", "", " x", "a,b@sha256:0"])
def test_refuses_images_that_an_engine_would_misread(image: str) -> None:
    with pytest.raises(UsageError, match="cannot be an image"):
        Container(image, DIGEST)


def test_refuses_an_image_without_digest() -> None:
    with pytest.raises(UsageError) as caught:
        Container("/x.sif", "latest")
    assert str(caught.value) == "/x.sif: 'latest' is no digest; write sha256: and 64 hex digits"
