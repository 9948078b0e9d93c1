"""What a report holds, and that what is missing or was changed is said."""

import pytest
from fakes.pages import Page

from rephase.judging import compare_outcomes
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


def test_the_headline_is_the_verdict_in_words(report, text):
    assert report.headline == "phase3 at the logged scale came back."
    assert f"<p>{report.headline}</p>" in text
    assert text.index(report.phase.manifest.question) < text.index(f"<h1>{report.answer}</h1>")
    assert report.missing == ()


def test_a_partial_phase_says_what_is_missing(partial):
    report = gather(partial)
    assert report.headline == "phase3 at the logged scale is not complete: 7 of 18 runs are there."
    assert (len(report.missing), report.verdict.exit_code) == (11, 3)
    page = Page(html_page(report))
    rows = page.tables["missing"][1:]
    assert rows[0] == ["baseline/cheetah-run/seed-123", "FAILED", "not finite: actor gradient norm"]
    assert rows[1][1:] == ["not begun", "-"]
    assert "### What is missing" in markdown_page(report)


def test_a_phase_that_deviates_says_so(make_store):
    report = gather(make_store(scale=0.3))
    assert report.headline == "phase3 at the logged scale did not come back."
    assert 'class="verdict FAIL"' in html_page(report)


def test_a_changed_record_is_named_and_makes_the_phase_invalid(make_store):
    store = make_store()
    path = store.record_path(store.phase.runs()[4])
    path.write_text(path.read_text().replace('"seed":123', '"seed":124'))
    report = gather(store)
    assert report.verdict.decision == "INVALID"
    assert report.missing[0].state == "unreadable"
    assert "was changed after it was written" in html_page(report)


def test_a_phase_recorded_from_these_very_records_is_exact(whole):
    records = whole.records()
    digests = records[0].outcome.digests
    assert [(one.step, one.quantity) for one in digests][-3:] == [
        (10_000, "evaluation"),
        (10_000, "training"),
        (10_000, "policy"),
    ]
    assert compare_outcomes([record.outcome for record in records], [record.outcome for record in records]).is_exact
