"""A report as Markdown for a pull request."""

import re

import pytest
from attrs import evolve
from fakes.pages import Page

from rephase.judging.ablating import Ablation, Switch
from rephase.manifest.algorithm import Variant
from rephase.report import gather, html_page, markdown_page


@pytest.fixture(scope="module")
def report(whole):
    return gather(whole)


@pytest.fixture(scope="module")
def text(report):
    return html_page(report)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_markdown_carries_the_same_verdict(report):
    markdown = markdown_page(report)
    assert markdown.startswith(
        f"## {report.answer}\n\nphase3 at the logged scale came back.\n\n**PASS**: no shift shown"
    )
    for cell in report.verdict.cells:
        assert f"{cell.reproduced_mean:.2f} ± {cell.reproduced_sd:.2f} (n=3)" in markdown
    assert "rephase check phase3 --scale logged" in markdown
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} <= {4, 5, 6, 8}


def test_an_ablation_is_told_on_the_page_and_in_the_pull_request(report):
    start = Switch(config="baseline", defect="", starts_from=Variant.AS_LOGGED, promises=(0.0,), rewards=(150.25,))
    mended = Switch(
        config="flowpolicy", defect="reward_loss", starts_from=Variant.AS_LOGGED, promises=(431.0, 2.0), rewards=(9.0,)
    )
    told = evolve(report, ablation=Ablation(switches=(start, mended), enough=("reward_loss",), needed=("reward_loss",)))

    page = Page(html_page(told))
    assert page.tables["ablation"][1:] == [
        ["baseline", "-", "as-logged", "0.0", "150.2", "nothing"],
        ["flow policy", "reward_loss", "as-logged", "431.0, 2.0", "9.0", "something"],
    ]
    assert "reward_loss alone is responsible for the collapse" in html_page(told)
    assert "### Which defect is responsible\n\nreward_loss alone is responsible" in markdown_page(told)
    assert report.ablation is None
    assert "ablation" not in Page(html_page(report)).tables
