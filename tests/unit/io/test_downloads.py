"""Downloads from a server of our own that misbehaves on demand."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from blockscope.io import downloads
from blockscope.io.downloads import fetch
from blockscope.io.errors import BadFile, UnknownName

CONTENT = bytes(range(256)) * 3000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves ``pages`` and counts requests; the first requests meet one of ``mishaps`` each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes] = {}
        self.mishaps: list[int | str] = []
        self.requests = 0
        self.stopped = threading.Event()

    def put(self, path: str, content: bytes) -> str:
        self.pages[path] = content
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        mishap = self.server.mishaps.pop(0) if self.server.mishaps else None
        content = self.server.pages.get(self.path)
        if isinstance(mishap, int) or content is None:
            self.send_error(mishap if isinstance(mishap, int) else 404)
            return
        self.protocol_version = "HTTP/1.1"  # which pieces without a length need
        self.close_connection = True
        self.send_response(200)
        if mishap in {"pieces", "slow pieces"}:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if mishap == "slow pieces":
                self.trickle(content, b"1\r\n%b\r\n")
                return
            for place in range(0, len(content), 100):
                piece = content[place : place + 100]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(content)))
        if mishap == "slow headers":
            self.flush_headers()
            self.trickle(b"X-Odd: " + b"x" * 60_000)
        self.end_headers()
        if mishap in {"slow", "steady"}:
            self.trickle(content, size=1 if mishap == "slow" else 6000)
            return
        self.wfile.write(content[: len(content) // 2] if mishap == "cut" else content)

    def trickle(self, content: bytes, piece: bytes = b"%b", size: int = 1) -> None:
        with suppress(OSError):  # the other side is gone
            for place in range(0, len(content), size):
                if self.server.stopped.wait(0.02):
                    return
                self.wfile.write(piece % content[place : place + size])

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.stopped.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSE", 0.01)
    monkeypatch.delenv(downloads.MODELS_FOLDER, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_file_arrives_with_a_progress_bar(tmp_path: Path, server: Server, capfd) -> None:
    url = server.put("/models/net.pb", CONTENT)
    path = fetch(url, digest(CONTENT).upper(), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "net.pb"
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == ["net.pb"]
    said = capfd.readouterr()
    assert said.out == ""
    assert "net.pb: 100%" in said.err
    assert "768k/768k" in said.err


def test_what_is_there_needs_no_network(tmp_path: Path, server: Server, capfd) -> None:
    url = server.put("/net.pb", CONTENT)
    for _ in range(3):
        fetch(url, digest(CONTENT), tmp_path)
    assert server.requests == 1
    capfd.readouterr()
    (tmp_path / "offline.pb").write_bytes(CONTENT)
    found = fetch("https://nowhere.invalid/x/offline.pb", digest(CONTENT), tmp_path)
    assert found == tmp_path / "offline.pb"
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_files_brought_by_hand(tmp_path: Path, monkeypatch) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "net.pb").write_bytes(CONTENT)
    monkeypatch.setenv("BLOCKSCOPE_MODELS", str(shelf))
    path = fetch("https://nowhere.invalid/net.pb", digest(CONTENT), tmp_path / "results")
    assert path == shelf / "net.pb"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BLOCKSCOPE_MODELS", "~/shelf")
    assert fetch("https://nowhere.invalid/net.pb", digest(CONTENT), tmp_path / "results") == path


def test_a_damaged_file_is_loaded_again(tmp_path: Path, server: Server) -> None:
    url = server.put("/net.pb", CONTENT)
    (tmp_path / "net.pb").write_bytes(CONTENT[:-1])
    assert fetch(url, digest(CONTENT), tmp_path).read_bytes() == CONTENT
    assert server.requests == 1


def test_a_wrong_checksum_is_reported_and_nothing_stays(tmp_path: Path, server: Server) -> None:
    url = server.put("/net.pb", b"something else")
    expected, found = digest(CONTENT), digest(b"something else")
    with pytest.raises(
        BadFile, match=rf"net\.pb: SHA256 .* expected sha256:{expected} but got {found}"
    ):
        fetch(url, expected, tmp_path)
    assert os.listdir(tmp_path) == []
    assert server.requests == 1, "the same content would come again"


def test_a_checksum_that_differs_leaves_the_older_file(tmp_path: Path, server: Server) -> None:
    (tmp_path / "net.pb").write_bytes(b"older")
    url = server.put("/net.pb", b"something else")
    with pytest.raises(BadFile, match="does not match the known hash"):
        fetch(url, digest(CONTENT), tmp_path)
    assert (tmp_path / "net.pb").read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["net.pb"]


@pytest.mark.parametrize("mishaps", [["cut"], ["cut", "cut"], [503], [429, "cut"]])
def test_a_network_that_stumbles_is_tried_again(
    tmp_path: Path, server: Server, capfd, mishaps: list[int | str]
) -> None:
    server.mishaps = list(mishaps)
    url = server.put("/net.pb", CONTENT)
    assert fetch(url, digest(CONTENT), tmp_path).read_bytes() == CONTENT
    assert server.requests == len(mishaps) + 1
    assert os.listdir(tmp_path) == ["net.pb"]
    assert capfd.readouterr().err.count("trying again") == len(mishaps)


def test_a_network_that_keeps_stumbling_is_given_up(tmp_path: Path, server: Server) -> None:
    server.mishaps = ["cut"] * 9
    url = server.put("/net.pb", CONTENT)
    with pytest.raises(
        BadFile, match=r"failed after 3 tries: .*put the file .* at '.*net\.pb', or"
    ):
        fetch(url, digest(CONTENT), tmp_path)
    assert server.requests == 3
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("status", [404, 403, 410])
def test_an_address_that_is_wrong_is_tried_once(tmp_path: Path, server: Server, status) -> None:
    server.mishaps = [status]
    url = server.put("/net.pb", CONTENT)
    with pytest.raises(BadFile, match=f"failed: {status} Client Error.*BLOCKSCOPE_MODELS"):
        fetch(url, digest(CONTENT), tmp_path)
    assert server.requests == 1
    assert os.listdir(tmp_path) == []


def test_a_wrong_file_that_was_put_there_by_hand_is_reported(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "net.pb").write_bytes(b"older")
    url = server.put("/other", b"").replace("other", "net.pb")
    message = rf"net\.pb' is wrong: {digest(b'older')}.*file with sha256 {digest(CONTENT)} at"
    with pytest.raises(BadFile, match=message):
        fetch(url, digest(CONTENT), tmp_path)


@pytest.mark.parametrize(
    "url", ["ftp://host/net.pb", "file:///net.pb", "net.pb", "http:///net.pb", "http://[/net.pb"]
)
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadFile, match=r"cannot be downloaded; valid: http://\.\.\. and https://"):
        fetch(url, digest(CONTENT), tmp_path)


def test_a_full_disk_is_not_taken_for_the_network(tmp_path: Path, server, monkeypatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads, "_load", full)
    url = server.put("/net.pb", CONTENT)
    with pytest.raises(BadFile, match=r"failed: .*No space left on device"):
        fetch(url, digest(CONTENT), tmp_path)


def test_addresses_that_differ_in_their_query_are_two_files(tmp_path: Path, server) -> None:
    first = fetch(server.put("/get?id=1", b"one"), digest(b"one"), tmp_path)
    second = fetch(server.put("/get?id=2", b"two"), digest(b"two"), tmp_path)
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


@pytest.mark.parametrize("path", ["/", "/..", "/a/.."])
def test_an_address_without_a_name(tmp_path: Path, server: Server, path: str, monkeypatch) -> None:
    monkeypatch.setattr(downloads, "_load", lambda *to, **_: Path(to[1]).write_bytes(CONTENT))
    target = fetch(f"http://127.0.0.1{path}", digest(CONTENT), tmp_path / "folder")
    assert target.parent == tmp_path / "folder"


def test_a_member_of_a_zip(tmp_path: Path, server: Server) -> None:
    archive = zipped(**{"a/labels.txt": b"a", "b/labels.txt": b"b", "net.zip": CONTENT, "c/": b""})
    url = server.put("/net.zip", archive)
    paths = [fetch(url, digest(archive), tmp_path, m) for m in ("a/labels.txt", "b/labels.txt")]
    inner = fetch(url, digest(archive), tmp_path, "net.zip")
    assert [path.read_bytes() for path in paths] == [b"a", b"b"]
    assert [path.suffix for path in paths] == [".txt", ".txt"]
    assert inner.read_bytes() == CONTENT
    assert (tmp_path / "net.zip").read_bytes() == archive
    assert server.requests == 1


def test_a_member_of_a_zip_that_was_brought_by_hand(tmp_path: Path, monkeypatch) -> None:
    archive = zipped(**{"net.pb": CONTENT})
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "net.zip").write_bytes(archive)
    monkeypatch.setenv("BLOCKSCOPE_MODELS", str(tmp_path / "shelf"))
    path = fetch("https://nowhere.invalid/net.zip", digest(archive), tmp_path / "r", "net.pb")
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path / "shelf") == ["net.zip"], "the folder may be another's"


def test_a_member_cannot_leave_the_folder(tmp_path: Path, server: Server) -> None:
    archive = zipped(**{"../../evil.pb": CONTENT})
    url = server.put("/net.zip", archive)
    path = fetch(url, digest(archive), tmp_path / "folder", "../../evil.pb")
    assert path.parent == tmp_path / "folder"


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


WHOLE = zipped(graph=CONTENT)


@pytest.mark.parametrize(
    ("content", "member", "message"),
    [
        (zipped(graph=b"", labels=b""), "grph", "no member 'grph'; valid: graph, labels"),
        (zipped(**{"folder/": b""}), "folder/", "no member 'folder/'; there are none"),
        (CONTENT, "graph", r"'graph' of '.*net\.zip' cannot be unpacked: File is not a zip file"),
        (flipped(WHOLE, 75), "graph", "'graph' of '.*' cannot be unpacked: "),
        (flipped(WHOLE, WHOLE.index(b"PK\1\2") + 16), "graph", "cannot be unpacked: Bad CRC-32"),
        (flipped(WHOLE, WHOLE.index(b"PK\1\2") + 8), "graph", "cannot be unpacked: "),
    ],
)
def test_a_zip_without_the_member_is_reported(
    tmp_path: Path, server: Server, content: bytes, member: str, message: str
) -> None:
    url = server.put("/net.zip", content)
    with pytest.raises((BadFile, UnknownName), match=message):
        fetch(url, digest(content), tmp_path, member)
    assert os.listdir(tmp_path) == ["net.zip"]


FETCH = """
import sys
from blockscope.io.downloads import fetch
print(fetch(*sys.argv[1:]).stat().st_size)
"""


def test_two_processes_at_once(tmp_path: Path, server: Server) -> None:
    archive = zipped(graph=CONTENT)
    url = server.put("/net.zip", archive)
    command = [sys.executable, "-c", FETCH, url, digest(archive), str(tmp_path), "graph"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [out.strip() for out, _ in ended] == [str(len(CONTENT))] * 3, ended
    assert sorted(os.listdir(tmp_path)) == ["net.zip", "net.zip~graph"]


def test_a_process_that_is_killed_leaves_nothing_that_looks_finished(
    tmp_path: Path, server: Server
) -> None:
    url = server.put("/net.pb", CONTENT)
    stop = "import os, pooch.core as c\nc.hash_matches = lambda *_, **__: os._exit(9)\n"
    command = [sys.executable, "-c", stop + FETCH, url, digest(CONTENT), str(tmp_path)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 9
    assert not (tmp_path / "net.pb").exists()
    assert fetch(url, digest(CONTENT), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("mishap", ["slow", "slow headers", "slow pieces"])
def test_a_server_that_sends_byte_by_byte_is_given_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, mishap: str
) -> None:
    monkeypatch.setattr(downloads, "WINDOW", 0.4)
    server.mishaps = [mishap] * 3
    url = server.put("/net.pb", CONTENT)
    began = time.monotonic()
    with pytest.raises(BadFile, match=r"failed after 3 tries: less than 4 kB arrived in 0\.4 s"):
        fetch(url, digest(CONTENT), tmp_path)
    assert time.monotonic() - began < 5
    assert os.listdir(tmp_path) == []


def test_pieces_count_as_what_they_hold(tmp_path: Path, server: Server) -> None:
    server.mishaps = ["pieces"]
    url = server.put("/net.pb", CONTENT)
    assert fetch(url, digest(CONTENT), tmp_path, most_mb=1).read_bytes() == CONTENT
    server.mishaps = ["pieces"]
    url = server.put("/large.pb", bytes(2_100_000))
    with pytest.raises(BadFile, match=r"large\.pb: the file is larger than 2 MB"):
        fetch(url, digest(bytes(2_100_000)), tmp_path, most_mb=2)


def test_a_bar_that_is_turned_off_gives_nothing_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_Bar", partial(downloads._Bar, disable=True))
    monkeypatch.setattr(downloads, "WINDOW", 1.0)  # of some 2.6 s
    server.mishaps = ["steady"]
    url = server.put("/net.pb", CONTENT)
    assert fetch(url, digest(CONTENT), tmp_path).read_bytes() == CONTENT
    assert server.requests == 1


def test_a_server_that_is_slow_once_is_tried_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "WINDOW", 0.4)
    server.mishaps = ["slow"]
    url = server.put("/net.pb", CONTENT)
    assert fetch(url, digest(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_file_that_is_larger_than_allowed_is_not_loaded(tmp_path: Path, server: Server) -> None:
    content = bytes(3_000_000)
    url = server.put("/net.pb", content)
    with pytest.raises(
        BadFile, match=r"net\.pb: the file is larger than 2 MB \(key compute\.download_mb of the c"
    ):
        fetch(url, digest(content), tmp_path, most_mb=2)
    assert server.requests == 1
    assert os.listdir(tmp_path) == []
    assert fetch(url, digest(content), tmp_path, most_mb=3).stat().st_size == 3_000_000


def test_a_file_without_a_stated_size_ends_at_the_largest_allowed(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "send_header", lambda *_: None)
    url = server.put("/net.pb", bytes(3_000_000))
    with pytest.raises(BadFile, match="is larger than 1 MB"):
        fetch(url, digest(b""), tmp_path, most_mb=1)


def test_a_member_that_unpacks_to_more_than_allowed(tmp_path: Path, server: Server) -> None:
    archive = zipped(graph=bytes(3_000_000))
    url = server.put("/net.zip", archive)
    with pytest.raises(BadFile, match=r"'graph' of '.*' has 3,000,000 bytes; valid: at most 2 MB"):
        fetch(url, digest(archive), tmp_path, "graph", most_mb=2)
    assert os.listdir(tmp_path) == ["net.zip"]


def test_names_longer_than_a_file_may_have(tmp_path: Path, server: Server) -> None:
    archive = zipped(**{f"{'m' * 300}.pb": CONTENT})
    url = server.put(f"/{'n' * 300}.zip", archive)
    path = fetch(url, digest(archive), tmp_path, f"{'m' * 300}.pb")
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".pb"
    assert len(path.name) <= 100
