"""A page of HTML as a reader sees it."""

from html.parser import HTMLParser

import pytest

from rephase.report import gather, html_page

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
            self.section = named.get("id", "")
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


@pytest.fixture(scope="module")
def report(whole):
    return gather(whole)


@pytest.fixture(scope="module")
def text(report):
    return html_page(report)
