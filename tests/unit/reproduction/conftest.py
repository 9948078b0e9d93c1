"""A miniature phase and an order to submit it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.projects import make_project
from fakes.queues import DIGEST

from rephase.reproduction.jobs import Order
from rephase.reproduction.phases import open_phase
from rephase.reproduction.storing import Store


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", open_phase("phase3", "embedded", project))


@pytest.fixture
def order(project: Path, tmp_path: Path) -> Order:
    (tmp_path / "runs").mkdir()
    return Order(
        image=str(tmp_path / "rephase.sif"),
        digest=DIGEST,
        project=project,
        runs=tmp_path / "runs",
        overrides={"partition": "ice-gpu", "cpus": None},
    )
