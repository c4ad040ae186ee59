"""The apps are scripts in a plain folder: they are imported as they import each other, from that folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from creativeml.files import project_folder


@pytest.fixture(scope="session", autouse=True)
def apps_folder() -> Iterator[None]:
    folder = str(project_folder("apps"))
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def drum_generator(apps_folder) -> ModuleType:
    return importlib.import_module("drum_generator")


@pytest.fixture(scope="session")
def serving(apps_folder) -> ModuleType:
    return importlib.import_module("_shared.serving")


@pytest.fixture(scope="session")
def background(apps_folder) -> ModuleType:
    return importlib.import_module("_shared.background")


@pytest.fixture(scope="session")
def latent_explorer(apps_folder) -> ModuleType:
    return importlib.import_module("latent_explorer")


@pytest.fixture(scope="session")
def studio_app(apps_folder) -> ModuleType:
    return importlib.import_module("studio")


@pytest.fixture(scope="session")
def style_transfer(apps_folder) -> ModuleType:
    return importlib.import_module("style_transfer")
