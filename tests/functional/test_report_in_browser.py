"""The report in a real headless Chromium, spoken to over WebDriver: no error, no request, no sideways scrolling."""

import base64
import importlib.util
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the page's figures need matplotlib")

from rephase.report import gather, html_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Browser:
    """As much of the WebDriver protocol as this test needs."""

    def __init__(self, port, profile, width):
        self.base = f"http://127.0.0.1:{port}"
        options = {
            "binary": CHROMIUM,
            "args": [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},1000"],
        }
        if width < 500:
            options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": 800, "pixelRatio": 1}}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.base += f"/session/{self.post('/session', capabilities={'alwaysMatch': wanted})['sessionId']}"

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.load(reply)["value"]

    def post(self, path, **body):
        return self.request("POST", path, body)

    def script(self, text):
        return self.post("/execute/sync", script=text, args=[])


@pytest.fixture(scope="module")
def driver_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    records = load("report_records", Path(__file__).parents[1] / "unit" / "report" / "conftest.py")
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_page(gather(records.write_store(tmp_path_factory.mktemp("runs")))), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[360, 1400])
def browser(request, driver_port, page_file, tmp_path_factory):
    browser = Browser(driver_port, tmp_path_factory.mktemp("profile"), request.param)
    try:
        browser.post("/url", url=page_file.as_uri())
        yield browser
    finally:
        browser.request("DELETE", "")


def test_it_opens_without_an_error_and_without_a_request(browser, page_file):
    assert browser.post("/se/log", type="browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.post("/se/log", type="performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    # The browser's own start page asks for its own parts; what counts is what this page asks for.
    asked = {one["request"]["url"] for one in sent if one["documentURL"] == page_file.as_uri()}
    assert {address for address in asked if not address.startswith("data:")} == {page_file.as_uri()}
    assert browser.script("return performance.getEntriesByType('resource').length") == 0


def test_nothing_is_wider_than_the_window(browser):
    width, inner = browser.script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert inner in (360, 1400)
    assert width <= inner
    figures = browser.script("return [...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width)")
    assert len(figures) == 7
    assert all(200 < figure <= inner for figure in figures)


def test_its_text_is_large_enough_to_read(browser):
    sizes = browser.script(
        "return [...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(sizes) > 7


def test_its_numbers_are_those_of_its_json(browser):
    rows = browser.script(
        "return [...document.querySelectorAll('#cells tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    data = json.loads(browser.script("return document.getElementById('rephase-report').textContent"))
    cells = data["verdict"]["cells"]
    assert [row[4] for row in rows] == [f"{cell['difference']:+.2f}" for cell in cells]
    assert [row[3] for row in rows] == [
        f"{cell['reproduced_mean']:.2f} ± {cell['reproduced_sd']:.2f} (n={len(cell['reproduced'])})" for cell in cells
    ]
    assert [row[5:9] for row in rows] == [
        [f"{cell['upper']:.1f}", f"{cell['margin']:.1f}", f"{cell['noise']:.1f}", cell["decision"]] for cell in cells
    ]
    words = browser.script("return [...document.querySelectorAll('h1, h1 ~ p')].map(p => p.textContent)")
    assert data["headline"] in words


def test_a_picture_of_it_is_no_blank_page(browser, tmp_path):
    picture = base64.b64decode(browser.request("GET", "/screenshot"))
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 20_000
