"""Folders of real drum sounds, and what is measured of them, once for all tests here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from creativeml.files import project_folder
from creativeml.maps.features import version
from creativeml.maps.library import read_library
from creativeml.maps.store import Store
from creativeml.maps.survey import survey

KINDS = ("kick", "snare", "hat_closed")
STARTER = project_folder("datasets") / "starter"


def starter_files(kind: str, count: int) -> list[Path]:
    return sorted((STARTER / kind).glob("*.flac"))[:count]


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A cache folder that the tests share, so that each sound is measured once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Eight kicks, snares and closed hats each, in folders by kind."""
    root = tmp_path_factory.mktemp("sounds") / "library"
    for kind in KINDS:
        (root / kind).mkdir(parents=True)
        for path in starter_files(kind, 8):
            shutil.copy(path, root / kind)
    return root


@pytest.fixture
def store(cache):
    opened = Store(cache, version())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sounds(folder, cache):
    """The folder's sounds as the map knows them."""
    opened = Store(cache, version())
    found = survey(read_library(folder), opened, on_step=lambda *step: None)
    opened.close()
    assert len(found) == 24
    return found
