"""A report as one page of HTML that needs nothing else."""

import re

import pytest
from attrs import evolve
from fakes.pages import Page

from rephase.judging import DigestComparison, Divergence, Origin
from rephase.report import gather, html_page


@pytest.fixture(scope="module")
def report(whole):
    return gather(whole)


@pytest.fixture(scope="module")
def text(report):
    return html_page(report)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_asks_the_network_for_nothing(text, page):
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert "<script src" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "default-src 'none'" in text


def test_identifiers_are_unique_and_every_inner_link_has_its_target(page):
    assert len(page.ids) == len(set(page.ids))
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


def test_text_from_records_is_text_and_not_markup(text):
    assert "an &lt;odd&gt; CPU &amp; more" in text
    assert "<odd>" not in text


def test_hashes_are_folded_and_reasons_for_other_bits_are_not(report):
    origin = Origin(name="mujoco", recorded="3.17.0", reproduced="3.16.0")
    replay = DigestComparison(
        compared=3, divergences=(Divergence(run="a/b/seed-1", step=1, quantity="policy", problem="x"),)
    )
    text = html_page(evolve(report, verdict=evolve(report.verdict, replay=replay, origins=(origin,))))
    open_text = re.sub(r"<details>.*?</details>", "", text.split('<script type="application/json"')[0], flags=re.DOTALL)
    assert not re.search(r"[0-9a-f]{40}", open_text)
    assert "3.16.0" in open_text
    assert "a/b/seed-1" not in open_text
