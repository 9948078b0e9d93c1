"""A verdict on two tables as a page: its figures are those of the verdict and its text is no markup."""

import json
import re

import pytest
from fakes.pages import Page

from rephase.judging import judge_tables
from rephase.report.tables_page import tables_page


@pytest.fixture
def verdict(tmp_path):
    rows = "".join(f"<b>a</b>,t,{seed},{value}\n" for seed, value in ((1, 90), (2, 100), (3, 110)))
    for name in ("recorded", "rerun"):
        (tmp_path / f"{name}.csv").write_text(f"method,task,seed,reward\n{rows}")
    return judge_tables(tmp_path / "recorded.csv", tmp_path / "rerun.csv")


def test_the_page_is_whole_and_carries_the_verdicts_json(verdict):
    text = tables_page(verdict)
    Page(text)  # every tag is closed
    (data,) = re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", text, re.DOTALL)
    assert json.loads(data) == json.loads(json.dumps(verdict.to_json()))
    assert str(verdict.decision) in text


def test_names_of_a_table_are_text(verdict):
    text = tables_page(verdict)
    assert "<b>a</b>" not in text
    assert "&lt;b&gt;a&lt;/b&gt;" in text


def test_it_asks_the_network_for_nothing(verdict):
    page = Page(tables_page(verdict))
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
