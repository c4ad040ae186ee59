"""Shards over http, from a real server on this machine that can also misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from creativeml.cli import run
from creativeml.data import fetching
from creativeml.data.fetching import Patience, fetch
from creativeml.data.one_shots import DatasetError
from creativeml.data.samplers import ClassBalancedSampler
from creativeml.data.shard_reader import ShardedOneShots, kinds_at, open_sounds, sounds_sha256
from creativeml.data.shard_sources import Address, location_of
from creativeml.errors import CreativeMLError

HURRIED = Patience(attempts=3, pause_s=0.01, timeout_s=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("web") / "data"
    flags = ["--length", "8192", "--shards", "--shard-sounds", "10"]
    assert run(["prepare", "starter", *flags, "--out", str(out)]) == 0
    return out


class Server(SimpleHTTPRequestHandler):
    """Serves files; `trick` may answer a request in its own way and says so."""

    def __init__(self, *args, asked: list[str], trick: Callable[[Server, int], bool], **kwargs) -> None:
        self.asked, self.trick = asked, trick
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if not self.trick(self, self.asked.count(self.path)):
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass

    def send(self, code: int, headers: dict[str, str], body: bytes = b"") -> bool:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def content(self) -> bytes:
        return Path(self.translate_path(self.path)).read_bytes()


@contextmanager
def serving(root: Path, trick: Callable[[Server, int], bool] = lambda server, times: False) -> Iterator[tuple]:
    asked: list[str] = []
    handler = partial(Server, asked=asked, trick=trick, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def address(url: str, cache: Path, gigabytes: float = 1.0, query: str = "") -> Address:
    return Address(f"{url}/data{query}", cache, int(gigabytes * 1e9), HURRIED)


def test_sounds_from_the_web_are_those_of_the_folder_and_come_once(folder, tmp_path):
    here = open_sounds(folder, "train")
    with serving(folder.parent) as (url, asked):
        place = address(url, tmp_path, query="?token=secret")
        there = open_sounds(place, "train")
        assert isinstance(there, ShardedOneShots) and kinds_at(place) == here.kinds
        assert sounds_sha256(place) == sounds_sha256(folder) and place.name == "data"
        assert torch.equal(there.batch(range(len(there)))[0], here.batch(range(len(here)))[0])
        assert there.fingerprints() == here.fingerprints() and torch.equal(there.labels, here.labels)
        shards = [path for path in asked if ".tar" in path]
        assert len(shards) == len(set(shards)) and all(path.endswith("?token=secret") for path in asked)
        asked.clear()
        again = open_sounds(place, "train")
        one, two = (ClassBalancedSampler(s.labels, 8, 0, blocks=s.blocks()) for s in (here, again))
        for _ in range(6):
            assert torch.equal(again.draw(two)[0][0], here.batch(next(one))[0])
        again.close()
        assert not [path for path in asked if ".tar" in path], "they are in the cache"


def test_connections_that_drop_midway_are_tried_again(folder, tmp_path):
    def drops(server: Server, times: int) -> bool:
        if times > 2:
            return False
        body = server.content()
        return server.send(200, {"Content-Length": str(len(body))}, body[: len(body) // 2])

    with serving(folder.parent, drops) as (url, asked):
        data = open_sounds(address(url, tmp_path), "validation")
        assert len(data.batch(range(len(data)))[0]) == len(open_sounds(folder, "validation"))
        assert all(asked.count(path) == 3 for path in asked)

    told = r"index\.json cannot be fetched, 3 times: .*after \d+ of \d+ bytes"
    always = serving(folder.parent, lambda server, times: drops(server, 1))
    with always as (url, _), pytest.raises(DatasetError, match=told):
        open_sounds(address(url, tmp_path), "validation")


def test_a_server_that_sends_too_much_is_left(folder, tmp_path):
    def endless(server: Server, times: int) -> bool:
        if ".tar" not in server.path:
            return False
        server.send(200, {})
        try:
            for _ in range(10_000):
                server.wfile.write(bytes(1 << 16))
        except OSError:
            server.asked.append("left")
        return True

    with serving(folder.parent, endless) as (url, asked):
        data = open_sounds(address(url, tmp_path), "test")
        with pytest.raises(DatasetError, match=r"\.tar: the server sends more than the \d+ bytes that are expected"):
            data.batch([0])
        assert len([path for path in asked if ".tar" in path]) == 1, "it is not asked again"
    assert "left" in asked
    assert not list(tmp_path.rglob("*.tar"))


def test_a_server_that_is_slow_without_end_is_left(folder, tmp_path, monkeypatch):
    def dripping(server: Server, times: int) -> bool:
        server.send(200, {"Content-Length": "100000"})
        try:
            for _ in range(3000):
                server.wfile.write(b"{")
                threading.Event().wait(0.02)
        except OSError:
            pass
        return True

    with serving(folder.parent, dripping) as (url, _):
        patience = Patience(attempts=2, pause_s=0.01, timeout_s=0.2, slowest=1e6)
        with pytest.raises(DatasetError, match="in the time that is allowed"):
            fetch(f"{url}/x", 100_000, exactly=True, patience=patience)
        # Of the index nobody knows how large it is: it gets a time of its own.
        begun = time.monotonic()
        with pytest.raises(DatasetError, match=r"index\.json .*in the time that is allowed"):
            open_sounds(
                Address(f"{url}/data", tmp_path, patience=replace(patience, timeout_s=60.0, unsized_s=0.5)), "train"
            )
        assert 1.0 < time.monotonic() - begun < 30.0


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 302 Found\r\nLocation: /"])
def test_a_server_whose_header_never_ends_is_left(first):
    """A timeout of each answer begins anew with every byte, so that alone it is none."""
    left = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(first)
            for _ in range(1200):
                connection.sendall(b"a")
                time.sleep(0.05)
        left.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(DatasetError, match="in the time that is allowed"):
            fetch(
                f"http://127.0.0.1:{listener.getsockname()[1]}/x",
                1000,
                exactly=True,
                patience=Patience(attempts=1, timeout_s=0.5),
            )
        assert 0.5 < time.monotonic() - begun < 30.0 and left.wait(30.0)


def test_absent_files_and_changed_ones_are_said(folder, tmp_path):
    with serving(folder) as (url, asked):  # not the folder above
        with pytest.raises(DatasetError, match=r"index\.json: the server answers 404 .*--data"):
            open_sounds(address(url, tmp_path), "train")
        assert len(asked) == 1

    def other(server: Server, times: int) -> bool:
        if ".tar" not in server.path:
            return False
        body = bytearray(server.content())
        body[700] ^= 1
        return server.send(200, {"Content-Length": str(len(body))}, bytes(body))

    with serving(folder.parent, other) as (url, asked):
        data = open_sounds(address(url, tmp_path), "test")
        with pytest.raises(DatasetError, match=r"3 times: its content is not what the index lists"):
            data.batch([0])
    with pytest.raises(DatasetError, match=r"cannot be fetched, 3 times"):
        open_sounds(address(url, tmp_path), "train")  # no server any more


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,{}"])
def test_no_server_leads_elsewhere(folder, tmp_path, target):
    leading = serving(folder.parent, lambda server, times: server.send(302, {"Location": target}))
    with leading as (url, _), pytest.raises(DatasetError, match=r"is not followed|answers 302"):
        open_sounds(address(url, tmp_path), "train")
    assert fetching.shown("https://host/a?token=secret#x") == "https://host/a"


@pytest.mark.parametrize("target", ["http://127.0.0.2:{}/data", "http://127.0.0.1:{}/data", "http://[x/", "//u@{}/"])
def test_no_server_sends_on_to_another(folder, tmp_path, target):
    with serving(folder.parent) as (other, asked):
        to = target.format(other.rpartition(":")[2])
        with serving(folder.parent, lambda server, times: server.send(302, {"Location": to})) as (url, _):
            told = r"sends on to another one, '(127|u@)|sends on to no address"
            with pytest.raises(DatasetError, match=told) as caught:
                open_sounds(address(url, tmp_path), "train")
        assert not asked and "\n" not in str(caught.value)


def test_a_server_may_send_on_within_itself_and_to_https(folder, tmp_path):
    def moved(server: Server, times: int) -> bool:
        if server.path.startswith("/data/"):
            return False
        server.send(301, {"Location": "/data" + server.path.removeprefix("/old/data")})
        with contextlib.suppress(OSError):
            for _ in range(1000):  # nobody needs what comes with it
                server.wfile.write(bytes(1 << 20))
            server.asked.append("all of it was read")
        return True

    with serving(folder.parent, moved) as (url, asked):
        there = open_sounds(Address(f"{url}/old/data", tmp_path, patience=HURRIED), "test")
        assert torch.equal(there.batch([0])[0], open_sounds(folder, "test").batch([0])[0])
        assert "all of it was read" not in asked
    place = fetching._place
    assert place("http://a/x") == place("https://A/y") == place("http://a:80") == place("https://a:443")
    assert (
        len({place(f"http://{one}/") for one in ("a", "b", "a:81", "a:443", "u@a", "[::1]", "[::2]", "[::1]:81")}) == 8
    )


def test_the_cache_stays_within_its_bytes(folder, tmp_path):
    with serving(folder.parent) as (url, asked):
        data = open_sounds(address(url, tmp_path, gigabytes=0.0004), "train")
        most = 0
        for index in range(len(data)):
            data.batch([index])
            most = max(most, sum(path.stat().st_size for path in (tmp_path / "shards").iterdir()))
        shards = {path for path in asked if ".tar" in path}
        assert 200_000 < most <= 400_000 and len(list((tmp_path / "shards").iterdir())) < len(shards)
        with pytest.raises(DatasetError, match=r"--cache-gb 0\.0004 is too little .* at least \d"):
            data.check_room(data.labels.numpy())
        open_sounds(address(url, tmp_path), "train").check_room(data.labels.numpy())
        spoilt = next((tmp_path / "shards").glob("*.tar"))
        spoilt.write_bytes(bytes(100))
        fresh = open_sounds(address(url, tmp_path), "train")
        assert torch.equal(fresh.batch(range(len(data)))[0], open_sounds(folder, "train").batch(range(len(data)))[0])


@pytest.mark.parametrize(
    "text", ["pipe:cat /etc/passwd", "pipe:touch x", "file:///etc", "s3://bucket/data", "ftp://host/data", "gs://a/b"]
)
def test_other_schemes_are_refused_in_one_line(text, tmp_path, capsys):
    with pytest.raises(CreativeMLError, match="folders and from http") as caught:
        location_of(text, tmp_path, 1)
    assert "\n" not in str(caught.value)
    assert run(["train", "drum_gan", "--data", text, "--out", str(tmp_path / "run")]) == 1
    assert "folders and from http" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command", [["train", "classifier", "--model", "drum_classifier"], ["evaluate", "drums"], ["describe"]]
)
def test_where_only_folders_are_read_an_address_is_refused(command, tmp_path, capsys):
    out = [] if command == ["describe"] else ["--out", str(tmp_path / "out")]
    assert run([*command, "--data", "http://127.0.0.1:1/x?token=secret", *out]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(
        "error: --data must be a folder here, not an address; only `train drum_gan|wave_vae|drum_vae`"
    )
    assert "secret" not in told and not list(tmp_path.rglob("*.*"))


def test_places_are_told_apart(tmp_path, monkeypatch):
    assert location_of(str(tmp_path), tmp_path, 1) == tmp_path
    found = location_of("https://host.example/a/drums/?k=1", tmp_path, 7)
    assert isinstance(found, Address) and found.name == "drums" and found.cache_bytes == 7
    assert found.of("index.json") == "https://host.example/a/drums/shards/index.json?k=1"
    assert str(found) == "https://host.example/a/drums/"
    for wrong in ("http:///data", "https://me:secret@host/data"):
        with pytest.raises(CreativeMLError, match="host") as caught:
            location_of(wrong, tmp_path, 1)
        assert "secret" not in str(caught.value)
    # A folder may have a colon in its name.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my:drums").mkdir()
    assert location_of("my:drums", tmp_path, 1) == Path("my:drums")
