"""Sections of plugins: in every form of the report as text, and never the reason that there is none."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from fakes.distributions import install

from rephase.cli.main import main
from rephase.errors import UnknownName
from rephase.protocols import ReportSection
from rephase.report import gather, html_page, markdown_page
from rephase.report.sections import plugin_sections

SECTION = """
from rephase.plugins import SectionOffer, hookimpl
from rephase.protocols import ReportSection

@hookimpl
def rephase_sections():
    return [SectionOffer("times", "how long it took", "{module}:section")]

def section(phase, records, verdict):
    {body}
"""

SAYS = """return ReportSection(
        title="How <long>",
        paragraphs=[phase["name"] + " & " + verdict["decision"], phase["digest"]],
        columns=["Run", "a|b"],
        rows=[[one["config"], "<b>" + str(one["seed"]) + "</b>"] for one in records],
    )"""


@pytest.fixture
def offer(monkeypatch, tmp_path):
    """Installs a plugin whose section has a body."""

    def put(body, distribution="rephase-times"):
        module = distribution.replace("-", "_")
        source = SECTION.format(module=module, body=body)
        install(monkeypatch, tmp_path / distribution, distribution, source=source)

    return put


def test_a_section_that_was_asked_for_is_text_in_every_form(offer, partial):
    offer(SAYS)
    report = gather(partial, ["times"])
    page, markdown, data = html_page(report), markdown_page(report), report.to_json()

    assert '<section id="plugin-times"><h2>How &lt;long&gt;</h2>' in page
    assert f"<p>{partial.phase.name} &amp; NOTHING TO JUDGE YET</p>" in page or "&amp; " in page
    assert "&lt;b&gt;42&lt;/b&gt;" in page
    assert "<b>42</b>" not in page
    assert '<a href="#plugin-times">' in page
    assert "### How &lt;long&gt;" in markdown or "### How \\<long\\>" in markdown
    assert "<b>42</b>" not in markdown
    assert data["sections"]["times"]["columns"] == ["Run", "a|b"]
    assert len(data["sections"]["times"]["rows"]) == 7
    assert data["section_notes"] == []
    assert json.dumps(data)


def test_a_plugin_that_the_phase_does_not_pin_says_nothing_and_is_not_imported(offer, partial):
    offer("raise AssertionError('called')")
    report = gather(partial)
    assert (report.plugins.sections, report.plugins.notes) == ((), ())


def test_a_plugin_that_the_phase_pins_says_it_unasked(offer, partial):
    offer(SAYS, "rephase-mlp-times")
    phase = evolve(partial.phase, manifest=evolve(partial.phase.manifest, plugins={"rephase-mlp-times": ">=0"}))
    found = plugin_sections(phase, [], gather(partial).verdict)
    assert [name for name, _ in found.sections] == ["times"]


def test_a_name_that_nobody_offers_is_refused(offer, partial):
    offer(SAYS)
    with pytest.raises(UnknownName, match="--section: unknown section 'tines'; did you mean 'times'"):
        gather(partial, ["tines"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return records['no such key']", "TypeError: list indices must be integers"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("return '<b>bold</b>'", "it is a str, expected a rephase.protocols.ReportSection or None"),
        ("return ReportSection(title='x', columns=['a'], rows=[['1', '2']])", "row 0 of 'x' has 2 cells for 1 columns"),
        ("return ReportSection(title='x', paragraphs='a string')", "TypeError"),
        ("return ReportSection(title='x', columns=['n'], rows=[[1]])", "TypeError"),
    ],
)
def test_one_that_fails_leaves_a_note_that_names_its_plugin(offer, partial, body, words):
    without = gather(partial)
    offer(body)
    report = gather(partial, ["times"])

    [note] = report.plugins.notes
    assert note.startswith("the section 'times' of rephase-times 1.0 could not be made: ")
    assert words in note
    assert report.plugins.sections == ()
    page = html_page(report)
    assert page.count("the section &#x27;times&#x27; of rephase-times 1.0 could not be made") == 1
    assert "could not be made" in markdown_page(report)
    changed = {key for key, value in report.to_json().items() if value != without.to_json()[key]}
    assert changed == {"section_notes"}


def test_one_that_has_nothing_to_say_is_left_out(offer, partial):
    offer("return None")
    report = gather(partial, ["times"])
    assert (report.plugins.sections, report.plugins.notes) == ((), ())


def test_what_a_plugin_does_to_its_values_does_not_reach_the_report(offer, partial):
    without = gather(partial).to_json()
    offer("phase.clear(); records.clear(); verdict.clear()")
    assert gather(partial, ["times"]).to_json() == without


def test_sections_are_listed(offer, capsys):
    offer(SAYS)
    assert main(["plugins", "--kind", "section"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["section", "times", "rephase-times"]


def test_a_section_is_made_of_text_alone():
    with pytest.raises(ValueError, match="row 1 of 'x' has 1 cells for 2 columns"):
        ReportSection(title="x", columns=("a", "b"), rows=(("1", "2"), ("3",)))
    with pytest.raises(ValueError, match="title"):
        ReportSection(title="")
