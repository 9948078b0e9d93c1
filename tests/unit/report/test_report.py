"""A whole report: page, figures and JSON say the same."""

import json
import re

import pytest
from attrs import evolve
from fakes.pages import Page

from rephase.report import gather, html_page
from rephase.report.figures import MOST, cells_figure, curves_figure, losses_figure


def cell_count(cell, side):
    return len(cell[side])


@pytest.fixture(scope="module")
def report(whole):
    return gather(whole)


@pytest.fixture(scope="module")
def text(report):
    return html_page(report)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_numbers_of_the_page_are_those_of_the_json(report, text, page):
    data = json.loads(re.search(r'id="rephase-report">(.*?)</script>', text, re.DOTALL)[1])
    assert data == json.loads(json.dumps(report.to_json()))
    rows = page.tables["cells"][1:]
    assert len(rows) == len(data["verdict"]["cells"]) == 6
    for row, cell in zip(rows, data["verdict"]["cells"], strict=True):
        expected = [
            f"{cell[f'{side}_mean']:.2f} ± {cell[f'{side}_sd']:.2f} (n={cell_count(cell, side)})"
            for side in ("recorded", "reproduced")
        ]
        expected += [
            f"{cell['difference']:+.2f}",
            f"{cell['upper']:.1f}",
            f"{cell['margin']:.1f}",
            f"{cell['noise']:.1f}",
        ]
        assert row[2:] == [*expected, cell["decision"], cell["reason"]]
    runs = page.tables["runs"][1:]
    assert [row[3:5] for row in runs] == [[f"{r['reward']:.2f}", f"{r['plan_reward']:.2f}"] for r in data["runs"]]
    for row, claim in zip(page.tables["claims"][1:], data["verdict"]["claims"], strict=True):
        assert row[1:3] == [claim["status"], f"{claim['gap']:+.1f}"]


def test_every_seed_is_a_point_of_its_figure(text):
    figure = re.search(r"<svg[^>]*Recorded and reproduced returns on walker-stand.*?</svg>", text, re.DOTALL)[0]
    assert figure.count("<use ") >= 12  # 3 recorded and 3 reproduced seeds of two methods, and the axis ticks
    assert "var(--series0)" in figure
    assert not re.search(r"#0[1-7]0[1-7]0[1-7]", figure)


def test_of_very_many_seeds_a_picture_shows_some_and_says_so(report):
    [one] = report.records[:1]
    records = tuple(evolve(one, seed=seed) for seed in range(MOST + 40))
    whole = evolve(report, records=records)
    curves = curves_figure(whole, one.task)
    assert f"one line for each of {MOST} runs, the first {MOST} of each cell of {MOST + 40}" in curves
    values = tuple(float(value) for value in range(900))
    cells = tuple(evolve(cell, recorded=values, reproduced=values) for cell in report.verdict.cells)
    few = cells_figure(report, one.task).count("<use ")
    drawn = cells_figure(evolve(report, verdict=evolve(report.verdict, cells=cells)), one.task).count("<use ")
    assert drawn < few + 4 * MOST + 10
    assert f"At most {MOST} seeds of a cell are drawn." in html_page(whole)


def test_the_same_records_give_the_same_page(whole, text):
    assert html_page(gather(whole)) == text


def test_the_audit_says_what_the_audit_finds(report, page):
    needs = [finding for finding in report.findings if finding.needs_attention]
    assert [row[4] for row in page.tables["audit"][1:]] == [finding.recomputed for finding in needs]


def test_a_phase_nobody_ran_has_a_page(make_store):
    report = gather(make_store(0))
    assert report.headline == "phase3 at the logged scale has not been run."
    assert Page(html_page(report)).tables["missing"]


def test_bands_end_at_the_range_of_returns_and_losses_have_all_their_points(report):
    cells = tuple(evolve(cell, band=(-500.0, 2500.0)) for cell in report.verdict.cells)
    drawn = cells_figure(evolve(report, verdict=evolve(report.verdict, cells=cells)), "walker-stand")
    ticks = [float(found.replace("\u2212", "-")) for found in re.findall(">([\u2212\\d]+)</text>", drawn)]
    assert ticks
    assert min(ticks) >= -200
    assert max(ticks) <= 1200
    metrics = {"epoch": tuple(map(float, range(1, 41))), "actor_loss": tuple(map(float, range(40)))}
    records = tuple(evolve(one, metrics=metrics) for one in report.records[:1])
    figure = losses_figure(evolve(report, records=records), "actor_loss")
    path = max(re.findall(r'd="([^"]*)"', figure), key=len)
    assert path.count("L") >= 20
    assert losses_figure(report, "actor_loss") == ""
