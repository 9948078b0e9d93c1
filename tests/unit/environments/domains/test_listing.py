"""Every task of the suite has a class that describes its body."""

import pytest

from rephase.environments import TASKS
from rephase.environments.domains import open_domain
from rephase.environments.domains.base import Domain


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_has_the_class_of_its_body(task):
    kind = open_domain(task)
    assert issubclass(kind, Domain)
    assert task.name.startswith(kind.__name__.lower())
