"""The real huggingface_hub against a small server on this machine that answers as the hub does."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from fetching_phases import COMMIT, hub_input, phase

from rephase.errors import CannotRunHere
from rephase.reproduction.fetching import fetch_phase
from rephase.reproduction.hub import HubUnreachable, HuggingFaceHub

CONTENT = bytes(range(256)) * 8192
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILE = f"/someone/pwm/resolve/{COMMIT}/multitask/model.pt"
BRANCH = "/someone/pwm/resolve/main/multitask/model.pt"
SMALL = f"/datasets/someone/pwm/resolve/{COMMIT}/README.md"


class Served(ThreadingHTTPServer):
    """Remembers the ranges it was asked for, and breaks off its first answer when told to."""

    daemon_threads = True
    break_off = False
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Served

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        if self.path not in (FILE, BRANCH, SMALL):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        content = CONTENT[first:]
        self.send_response(206 if asked else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{"a" * 40 if self.path == SMALL else DIGEST}"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        self.server.ranges.append(asked)
        if self.server.break_off:
            self.server.break_off = False
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Served]:
    served = Served(("127.0.0.1", 0), Handler)
    served.ranges = []
    thread = Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def hub(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HuggingFaceHub:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return HuggingFaceHub(f"http://127.0.0.1:{server.server_address[1]}", tmp_path / "cache")


def test_the_metadata_of_a_large_file_is_its_digest(hub: HuggingFaceHub) -> None:
    found = hub.describe("someone/pwm", "model", "multitask/model.pt", "main")
    assert (found.revision, found.sha256, found.size) == (COMMIT, f"sha256:{DIGEST}", len(CONTENT))


def test_the_tag_of_a_small_file_is_not_taken_for_a_digest(hub: HuggingFaceHub) -> None:
    assert hub.describe("someone/pwm", "dataset", "README.md", COMMIT).sha256 == ""


def test_an_absent_file_is_named(hub: HuggingFaceHub) -> None:
    for ask in (hub.describe, lambda *what: hub.get(*what, False)):
        with pytest.raises(CannotRunHere) as caught:
            ask("someone/pwm", "model", "absent.pt", COMMIT)
        assert not isinstance(caught.value, HubUnreachable)
        assert str(caught.value) == (
            f"someone/pwm, file absent.pt, revision {COMMIT}: the hub has no such file; "
            "check the manifest, or get the file on another machine and give it with --from FILE"
        )


def test_a_phase_is_fetched_pinned_and_served_from_the_cache(
    hub: HuggingFaceHub, server: Served, tmp_path: Path
) -> None:
    one = phase(tmp_path / "p", world_model=hub_input())
    said: list[str] = []
    found = fetch_phase(one, hub, {}, said.append)
    assert (found[0].source, found[0].sha256, len(said)) == ("hub", f"sha256:{DIGEST}", 1)
    assert found[0].path.read_bytes() == CONTENT
    found[0].path.unlink()
    assert fetch_phase(one, hub, {}, said.append)[0].path.read_bytes() == CONTENT
    assert len(server.ranges) == 1
    found[0].path.unlink()
    dead = HuggingFaceHub("http://127.0.0.1:9", tmp_path / "cache")
    assert fetch_phase(one, dead, {}, said.append)[0].source == "cache"
    assert said[1].startswith("world-model: the hub cannot be reached (")


def test_an_interrupted_download_goes_on_where_it_broke_off(
    hub: HuggingFaceHub, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    server.break_off = True
    what = ("someone/pwm", "model", "multitask/model.pt", COMMIT)
    try:
        path = hub.get(*what, False)
    except HubUnreachable:
        path = hub.get(*what, False)
    assert path.read_bytes() == CONTENT
    assert server.ranges[0] is None
    assert int(str(server.ranges[1]).removeprefix("bytes=").rstrip("-")) > 0


def test_a_dead_hub_and_an_empty_cache_say_what_to_do(tmp_path: Path) -> None:
    dead = HuggingFaceHub("http://127.0.0.1:9", tmp_path / "cache")
    with pytest.raises(HubUnreachable, match="give it with --from FILE"):
        dead.get("someone/pwm", "model", "multitask/model.pt", COMMIT, True)
    with pytest.raises(HubUnreachable, match="give it with --from FILE"):
        dead.describe("someone/pwm", "model", "multitask/model.pt", COMMIT)


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CannotRunHere) as caught:
        HuggingFaceHub().describe("someone/pwm", "model", "multitask/model.pt", COMMIT)
    assert str(caught.value) == (
        "fetching needs huggingface_hub, which is not installed; "
        "pip install 'rephase[hub]', or give the file with --from FILE"
    )
