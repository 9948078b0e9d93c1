import json
import re
from html.parser import HTMLParser

import pytest
from attrs import evolve

from rephase.judging import DigestComparison, Divergence, Origin, compare_outcomes
from rephase.judging.ablating import Ablation, Switch
from rephase.manifest.algorithm import Variant
from rephase.report import gather, html_page, markdown_page
from rephase.report.figures import MOST, cells_figure, curves_figure, losses_figure

VOID = {"meta", "link", "br", "input", "img", "hr"}


class Page(HTMLParser):
    """Collects tables by section, links, identifiers, and complains about tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.section = [], [], [], ""
        self.tables, self._cell = {}, None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if "id" in named:
            self.ids.append(named["id"])
        self.addresses += [named[key] for key in ("href", "src", "xlink:href") if key in named]
        if tag == "section":
            self.section = named["id"]
        elif tag == "tr":
            self.tables.setdefault(self.section, []).append([])
        elif tag in ("td", "th"):
            self.tables[self.section][-1].append("")
            self._cell = tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._cell:
            self.tables[self.section][-1][-1] += data


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


def test_the_headline_is_the_verdict_in_words(report, text):
    assert report.headline == "phase3 at the logged scale came back."
    assert f"<p>{report.headline}</p>" in text
    assert text.index(report.phase.manifest.question) < text.index(f"<h1>{report.answer}</h1>")
    assert report.missing == ()


def test_the_page_asks_the_network_for_nothing(text, page):
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert "<script src" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "default-src 'none'" in text


def test_identifiers_are_unique_and_every_inner_link_has_its_target(page):
    assert len(page.ids) == len(set(page.ids))
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


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


def test_text_from_records_is_text_and_not_markup(text):
    assert "an &lt;odd&gt; CPU &amp; more" in text
    assert "<odd>" not in text


def test_the_same_records_give_the_same_page(whole, text):
    assert html_page(gather(whole)) == text


def test_the_audit_says_what_the_audit_finds(report, page):
    needs = [finding for finding in report.findings if finding.needs_attention]
    assert [row[4] for row in page.tables["audit"][1:]] == [finding.recomputed for finding in needs]


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


def test_a_partial_phase_says_what_is_missing(partial):
    report = gather(partial)
    assert report.headline == "phase3 at the logged scale is not complete: 7 of 18 runs are there."
    assert (len(report.missing), report.verdict.exit_code) == (11, 3)
    page = Page(html_page(report))
    rows = page.tables["missing"][1:]
    assert rows[0] == ["baseline/cheetah-run/seed-123", "FAILED", "not finite: actor gradient norm"]
    assert rows[1][1:] == ["not begun", "-"]
    assert "### What is missing" in markdown_page(report)


def test_a_phase_nobody_ran_has_a_page(make_store):
    report = gather(make_store(0))
    assert report.headline == "phase3 at the logged scale has not been run."
    assert Page(html_page(report)).tables["missing"]


def test_a_phase_that_deviates_says_so(make_store):
    report = gather(make_store(scale=0.3))
    assert report.headline == "phase3 at the logged scale did not come back."
    assert 'class="verdict FAIL"' in html_page(report)


def test_a_changed_record_is_named_and_makes_the_phase_invalid(make_store):
    store = make_store()
    path = store.record_path(store.phase.runs()[4])
    path.write_text(path.read_text().replace('"seed": 123', '"seed": 124'))
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


def test_the_first_line_answers_the_question_only_as_far_as_it_is_shown(report, make_store):
    assert report.answer == "No config is shown to return more than another in any of 3 tasks by 3 seeds each."
    records = [evolve(one, reward=one.reward / 2) if one.config == "flowpolicy" else one for one in report.records]
    answer = evolve(report, records=tuple(records)).answer
    assert answer.startswith("Shown by 3 seeds each: baseline returns 49")
    assert "more than flow policy on reacher-easy" in answer
    assert gather(make_store(0)).answer == "There is no answer yet: no run is complete."
    assert json.loads(json.dumps(report.to_json()))["answer"] == report.answer


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
