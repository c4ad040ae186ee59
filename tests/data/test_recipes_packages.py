"""Fetching packages with the real clients from archives and registries that the tests make; no network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from creativeml.data.recipes.packages import Package, fetch_package, fetched_version
from creativeml.data.recipes.unpack import unpack
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_file

_spec = importlib.util.spec_from_file_location("bank_writer", Path(__file__).with_name("bank_writer.py"))
assert _spec is not None and _spec.loader is not None
bank_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bank_writer)

SOUND = bytes(range(256)) * 20
FILES = {"usr/share/drums/kick.raw": SOUND, "usr/share/doc/drums/copyright": b"CC0"}


def package(client: str, archive: Path, version: str = "1.0", **changes: str) -> Package:
    fields = {"name": "drums", "version": version, "sha256": sha256_file(archive), "licence": "CC0-1.0"}
    return Package(client=client, **(fields | changes))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache" / "archives").mkdir(parents=True)
    return tmp_path / "cache"


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def by_hand(cache: Path, name: str = "drums_1.0_all.deb") -> Path:
    path = cache / "archives" / name
    path.write_bytes(bank_writer.debian_package(FILES, "drums", "1.0"))
    return path


def test_archive_by_hand_is_unpacked_once_and_said(cache: Path) -> None:
    wanted = package("apt", by_hand(cache))
    said: list[str] = []
    folder = fetch_package(wanted, cache, said.append)
    assert (folder / "usr/share/drums/kick.raw").read_bytes() == SOUND
    assert any("1.0" in line and "CC0-1.0" in line for line in said)
    assert not any("tested with" in line for line in said)
    assert fetched_version(wanted, cache) == "1.0"
    said.clear()
    (cache / "archives" / "drums_1.0_all.deb").unlink()
    assert fetch_package(wanted, cache, said.append) == folder
    assert said and "already" in said[0]


def test_without_dpkg_python_unpacks_the_same(cache: Path, no_programs: None) -> None:
    folder = fetch_package(package("apt", by_hand(cache)), cache, lambda line: None)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(FILES)
    assert (folder / "usr/share/drums/kick.raw").read_bytes() == SOUND


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb to build a real package")
def test_package_built_by_dpkg(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = cache / "archives" / "drums_1.0_all.deb"
    _build(tmp_path / "tree", "1.0", archive, compression="xz")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    folder = fetch_package(package("apt", archive), cache, lambda line: None)
    assert (folder / "usr/share/drums/kick.raw").read_bytes() == SOUND


def test_another_version_is_announced_not_refused(cache: Path) -> None:
    by_hand(cache)
    said: list[str] = []
    wanted = Package("apt", "drums", "0.9", "0" * 64, "CC0-1.0")
    fetch_package(wanted, cache, said.append)
    assert any("version 1.0" in line and "tested with 0.9" in line for line in said)


def test_changed_bytes_under_a_tested_version_are_refused(cache: Path) -> None:
    (cache / "archives" / "drums-1.0.tgz").write_bytes(bank_writer.tarball({"package/a.wav": SOUND}))
    with pytest.raises(CreativeMLError, match=r"drums-1\.0\.tgz: not what was tested as version 1\.0"):
        fetch_package(Package("npm", "drums", "1.0", "0" * 64, "CC0-1.0"), cache, lambda line: None)
    assert not (cache / "packages").exists()


def test_what_an_interrupted_fetch_left_is_replaced(cache: Path) -> None:
    wanted = package("apt", by_hand(cache))
    half = cache / "packages" / wanted.folder_name / "content" / "usr"
    half.mkdir(parents=True)
    (half / "half.raw").write_bytes(b"half")
    folder = fetch_package(wanted, cache, lambda line: None)
    assert not (folder / "usr/half.raw").exists()
    assert (folder / "usr/share/drums/kick.raw").is_file()
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("client", "remedy"), [("apt", "Debian"), ("npm", "Node.js")])
def test_missing_client_is_one_line_with_a_remedy(cache: Path, no_programs: None, client: str, remedy: str) -> None:
    with pytest.raises(CreativeMLError) as caught:
        fetch_package(Package(client, "drums", "1.0", "0" * 64, "CC0-1.0"), cache, lambda line: None)
    message = str(caught.value)
    assert "drums" in message and remedy in message and str(cache / "archives") in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"!<arch>\nbroken", b"not a package"])
def test_damaged_packages_are_named(tmp_path: Path, content: bytes, no_programs: None) -> None:
    (tmp_path / "bad.deb").write_bytes(content)
    with pytest.raises(CreativeMLError, match=r"bad\.deb"):
        unpack(tmp_path / "bad.deb", tmp_path / "out")


def test_truncated_archives_are_named(tmp_path: Path) -> None:
    whole = {
        "bad.tgz": bank_writer.tarball(FILES),
        "bad.deb": bank_writer.debian_package(FILES),
        "bad.zip": b"PK\3\4" + bytes(50),
        "bad.rar": b"Rar!",
    }
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(CreativeMLError, match=name.replace(".", r"\.")):
            unpack(tmp_path / name, tmp_path / f"out-{name}")


@pytest.mark.parametrize("path", ["../outside.wav", "/tmp/outside.wav", "a/../../outside.wav", "C:/outside.wav"])
def test_archives_cannot_write_outside(tmp_path: Path, path: str) -> None:
    (tmp_path / "evil.tgz").write_bytes(bank_writer.tarball({path: b"x"}))
    with pytest.raises(CreativeMLError, match="outside"):
        unpack(tmp_path / "evil.tgz", tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("outside.wav"))


def _build(tree: Path, version: str, archive: Path, compression: str = "gzip") -> None:
    for name, content in (FILES | {"usr/share/drums/version": version.encode()}).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    control = f"Package: drums\nVersion: {version}\nArchitecture: all\nMaintainer: n <n@example.org>\n"
    (tree / "DEBIAN").mkdir(exist_ok=True)
    (tree / "DEBIAN" / "control").write_text(control + "Description: fixture\n")
    command = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(tree), str(archive)]
    subprocess.run(command, check=True, capture_output=True)


def _suite(root: Path, codename: str, version: str, architecture: str) -> None:
    """One suite of a small Debian archive, as a mirror has it."""
    archive = root / "pool" / f"drums_{version}_all.deb"
    archive.parent.mkdir(parents=True, exist_ok=True)
    _build(root.parent / f"tree-{version}", version, archive)
    index = (
        f"Package: drums\nVersion: {version}\nArchitecture: all\nMaintainer: n <n@example.org>\n"
        f"Filename: pool/{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {sha256_file(archive)}\n"
        "Description: fixture\n"
    ).encode()
    listed = f"main/binary-{architecture}/Packages"
    folder = root / "dists" / codename
    (folder / listed).parent.mkdir(parents=True)
    contents = {listed: index, f"{listed}.gz": gzip.compress(index, mtime=0)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    hashes = [f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in contents.items()]
    (folder / "Release").write_text(
        f"Origin: Debian\nLabel: Debian\nSuite: {codename}\nCodename: {codename}\nComponents: main\n"
        f"Architectures: {architecture} all\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n" + "".join(hashes)
    )


needs_apt = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "dpkg-deb", "dpkg"))),
    reason="needs apt-get and dpkg-deb (Debian, Ubuntu)",
)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive on the disk with two suites, and an apt that knows only the older one."""
    root = tmp_path / "mirror"
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    _suite(root, "bookworm", "0.5", architecture)
    _suite(root, "trixie", "0.7", architecture)
    state = tmp_path / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "log"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [trusted=yes] file:{root} bookworm main\n")
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Log": state / "log",
        "APT::Sandbox::User": "",
        # The archive of the test is not signed.
        "Acquire::AllowInsecureRepositories": "true",
        "APT::Get::AllowUnauthenticated": "true",
    }
    lines = [f'{name} "{value}";' for name, value in settings.items()]
    (state / "apt.conf").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("APT_CONFIG", str(state / "apt.conf"))
    return root


@needs_apt
def test_apt_lists_that_are_missing_are_fetched_privately(cache: Path, mirror: Path) -> None:
    said: list[str] = []
    folder = fetch_package(Package("apt", "drums", "0.5", "0" * 64, "CC0-1.0"), cache, said.append)
    assert (folder / "usr/share/drums/version").read_text() == "0.5"
    assert not [path for path in (mirror.parent / "apt" / "lists").iterdir() if path.is_file()]


@needs_apt
def test_apt_takes_a_newer_suite_from_the_users_own_mirror(cache: Path, mirror: Path) -> None:
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    said: list[str] = []
    wanted = Package("apt", "drums", "0.7", sha256_file(mirror / "pool" / "drums_0.7_all.deb"), "CC0-1.0", "trixie")
    folder = fetch_package(wanted, cache, said.append)
    assert (folder / "usr/share/drums/version").read_text() == "0.7"
    assert not any("tested with" in line for line in said)


@needs_apt
def test_apt_finds_the_mirror_without_system_lists(cache: Path, mirror: Path) -> None:
    wanted = Package("apt", "drums", "0.7", "0" * 64, "CC0-1.0", "trixie")
    folder = fetch_package(wanted, cache, lambda line: None)
    assert (folder / "usr/share/drums/version").read_text() == "0.7"


@needs_apt
def test_apt_falls_back_to_the_suite_it_has(cache: Path, mirror: Path) -> None:
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    said: list[str] = []
    wanted = Package("apt", "drums", "0.7", "0" * 64, "CC0-1.0", "forky")
    folder = fetch_package(wanted, cache, said.append)
    assert (folder / "usr/share/drums/version").read_text() == "0.5"
    assert any("forky" in line for line in said)
    assert any("tested with 0.7" in line for line in said)


@needs_apt
def test_apt_package_that_does_not_exist(cache: Path, mirror: Path) -> None:
    with pytest.raises(CreativeMLError, match="apt-get download trumpets failed"):
        fetch_package(Package("apt", "trumpets", "1", "0" * 64, "CC0-1.0"), cache, lambda line: None)
    assert not (cache / "packages").exists()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An npm registry on this machine with one package."""
    root = tmp_path / "registry"
    root.mkdir()
    manifest = json.dumps({"name": "drums", "version": "1.0.0", "license": "CC0-1.0"}).encode()
    archive = root / "drums-1.0.0.tgz"
    archive.write_bytes(bank_writer.tarball({"package/package.json": manifest, "package/kick.raw": SOUND}))
    handler = type("Handler", (_Quiet,), {"root": root})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    address = f"http://127.0.0.1:{server.server_port}"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    version = {
        "name": "drums",
        "version": "1.0.0",
        "dist": {"tarball": f"{address}/{archive.name}", "integrity": integrity},
    }
    (root / "drums").write_text(
        json.dumps({"name": "drums", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}})
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    yield root
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    root: Path

    def translate_path(self, path: str) -> str:
        return str(self.root / path.split("?")[0].lstrip("/"))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm (Node.js)")
def test_npm(cache: Path, registry: Path) -> None:
    wanted = package("npm", registry / "drums-1.0.0.tgz", "1.0.0")
    said: list[str] = []
    folder = fetch_package(wanted, cache, said.append)
    assert (folder / "package/kick.raw").read_bytes() == SOUND
    assert fetched_version(wanted, cache) == "1.0.0"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "index" / "drums-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("drums/kick.raw", SOUND)
        bundle.writestr("drums-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: drums\nVersion: 1.0\n")
        bundle.writestr("drums-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        bundle.writestr("drums-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    return path


needs_pip = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason=f"{sys.executable} has no pip (python -m ensurepip)"
)


@needs_pip
def test_pip(cache: Path, wheel: Path) -> None:
    folder = fetch_package(package("pip", wheel), cache, lambda line: None)
    assert (folder / "drums/kick.raw").read_bytes() == SOUND


@needs_pip
def test_pip_refuses_other_bytes(cache: Path, wheel: Path) -> None:
    with pytest.raises(CreativeMLError, match="pip download drums failed"):
        fetch_package(Package("pip", "drums", "1.0", "0" * 64, "CC0-1.0"), cache, lambda line: None)
    assert not (cache / "packages").exists()
