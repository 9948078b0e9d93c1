"""Models are compiled from the installed files, without dm_control's suite or a graphics backend."""

import subprocess
import sys

import pytest

from rephase.environments import models
from rephase.environments.models import custom_model, stock_model
from rephase.errors import CannotRunHere


def test_a_stock_model_has_its_bodies_and_ours_one_link_more():
    assert stock_model("walker").nu == 6
    stock, ours = stock_model("reacher"), custom_model("reacher_three")
    assert (stock.nu, ours.nu) == (2, 3)


def test_neither_the_suite_nor_a_backend_is_loaded():
    words = "import sys; from rephase.environments.models import stock_model; stock_model('fish'); "
    words += "sys.exit('dm_control.suite' in sys.modules or 'OpenGL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False, timeout=120).returncode == 0


def test_without_dm_control_it_says_so(monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(models, "files", missing)
    with pytest.raises(CannotRunHere, match="the tasks need dm_control, which is not installed"):
        stock_model("fish")
