"""The page as text: whole, harmless whatever files are called, and no larger than asked."""

from __future__ import annotations

import base64
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from creativeml.errors import CreativeMLError
from creativeml.maps.make import MapOptions, make_map

from .conftest import starter_files

EVIL = "<script>hacked=1<\\script><img src=x onerror=hacked=1>'\"&#38;%41{{x}} ümläut"


class Elements(HTMLParser):
    """Names and attributes of all elements, and the text of those with an id."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        name = self.found[-1][1].get("id") if self.found else None
        if name:
            self.texts[name] = self.texts.get(name, "") + data


@pytest.fixture
def library(tmp_path) -> Path:
    root = tmp_path / f"lib {EVIL}"
    root.mkdir()
    for number, path in enumerate(starter_files("snare", 4)):
        shutil.copy(path, root / f"snare {EVIL} {number}.flac")
    (root / f"broken {EVIL}.wav").write_text("no sound")
    return root


def made(root: Path, out: Path, cache: Path, **options) -> tuple[dict, Elements]:
    summary = make_map(root, out, MapOptions(cache=cache, **options), lambda *step: None)
    return summary, Elements(out.read_text(encoding="utf-8"))


def test_hostile_names_make_no_elements_and_lead_to_their_files(library, tmp_path, cache):
    out = tmp_path / "pages" / "map.html"
    summary, page = made(library, out, cache)
    assert summary["sounds"] == 4 and len(summary["refused"]) == 1
    tags = [tag for tag, _ in page.found]
    assert "img" not in tags and tags.count("script") == 3  # previews, data, the program
    data = json.loads(page.texts["data"])
    assert data["title"] == library.name
    assert [name for name in data["names"]] == sorted(p.name for p in library.glob("*.flac"))
    assert data["refused"][0][0] == f"broken {EVIL}.wav"
    # The address, resolved as a browser does, is the file.
    assert (out.parent / unquote(data["base"]) / data["names"][0]).resolve() == (library / data["names"][0]).resolve()
    policy = next(a["content"] for tag, a in page.found if a.get("http-equiv"))
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    previews = page.texts["sounds-0"]
    for block, first, last in data["previews"]:
        assert block == 0 and base64.b64decode(previews[first:last]).startswith(b"OggS")


def test_a_library_behind_a_link_is_addressed_by_the_link(tmp_path, cache, monkeypatch):
    (tmp_path / "disk" / "deep" / "true").mkdir(parents=True)
    shutil.copy(starter_files("kick", 1)[0], tmp_path / "disk" / "deep" / "true" / "kick.flac")
    link = tmp_path / "sounds"
    try:
        link.symlink_to(tmp_path / "disk" / "deep" / "true", target_is_directory=True)
    except OSError:
        pytest.skip("this user may not make links")
    monkeypatch.chdir(tmp_path)
    for root in (link, Path("sounds")):
        _, page = made(root, tmp_path / "map.html", cache)
        data = json.loads(page.texts["data"])
        assert (data["title"], data["base"], data["addresses"]) == ("sounds", "./sounds/", {})
    # From inside the link, and from a folder named by steps upwards, which may lead out of the link's target.
    _, page = made(link, link / "map.html", cache)
    assert json.loads(page.texts["data"])["base"] == "./"
    _, page = made(link / ".." / "true", tmp_path / "map.html", cache)
    data = json.loads(page.texts["data"])
    assert (data["title"], data["base"], data["addresses"]) == ("true", "./disk/deep/true/", {})


def test_previews_that_find_no_room_are_left_out_and_counted(tmp_path, cache, monkeypatch):
    from creativeml.maps import make

    root = tmp_path / "library"
    root.mkdir()
    for number, path in enumerate(starter_files("kick", 8)):
        shutil.copy(path, root / f"{number} {'ж' * 120}.flac")  # a letter of two bytes
    whole, page = made(root, tmp_path / "whole.html", cache)
    without, _ = made(root, tmp_path / "without.html", cache, audio=False)
    assert whole["without_preview"] == without["without_preview"] == 0
    room = (whole["megabytes"] + without["megabytes"]) / 2
    monkeypatch.setattr(make, "LEAST_MEGABYTES", 0)
    some, page = made(root, tmp_path / "some.html", cache, most_megabytes=room)
    data = json.loads(page.texts["data"])
    assert 0 < some["without_preview"] < 8
    assert data["sound"].count(None) == some["without_preview"]
    size = (tmp_path / "some.html").stat().st_size
    # Nothing above what was asked, and less than one preview below it.
    assert 0 <= round(1e6 * room) - size < 15_000


def test_a_copy_shares_the_preview_of_its_original(tmp_path, cache):
    root = tmp_path / "library"
    root.mkdir()
    (kick,) = starter_files("kick", 1)
    for name in ("a.flac", "b.flac"):
        shutil.copy(kick, root / name)
    summary, page = made(root, tmp_path / "map.html", cache)
    data = json.loads(page.texts["data"])
    assert data["sound"] == [0, 0] and len(data["previews"]) == 1
    assert data["repeats"] == {"1": [0, 1]}
    assert summary["duplicates"] == [{"file": "b.flac", "of": "a.flac", "identical": True}]


def test_a_page_that_cannot_be_written_is_refused_before_any_work(tmp_path, cache):
    (tmp_path / "library").mkdir()
    shutil.copy(starter_files("kick", 1)[0], tmp_path / "library")
    with pytest.raises(CreativeMLError, match="is a folder"):
        made(tmp_path / "library", tmp_path, cache)
    (tmp_path / "file").touch()
    with pytest.raises(CreativeMLError, match="cannot be written"):
        made(tmp_path / "library", tmp_path / "file" / "map.html", cache)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"placement": "umap"}, "--placement"),
        ({"groups": 0}, "--groups"),
        ({"most_megabytes": 0.1}, "--max-megabytes"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(CreativeMLError, match=message):
        MapOptions(**options)
