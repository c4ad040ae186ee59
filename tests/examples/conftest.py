"""An example as a module, and the data that come with the project, prepared."""

import importlib.util
import sys

import pytest

from creativeml.cli import run
from creativeml.files import project_folder


@pytest.fixture(scope="module")
def example(request):
    """The script that a test file is named after: test_baselines.py tests examples/baselines.py."""
    name = request.module.__name__.rpartition("test_")[2]
    spec = importlib.util.spec_from_file_location(f"{name}_example", project_folder("examples") / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def starter(tmp_path_factory):
    data = tmp_path_factory.mktemp("starter") / "data"
    assert run(["prepare", "starter", "--out", str(data)]) == 0
    return data


@pytest.fixture
def figures(capsys):
    """What an example printed as a table: name of the row → its numbers."""

    def read() -> dict[str, list[float]]:
        lines = [line.strip("|") for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in line.split("|")] for line in lines[2:]]
        return {name: [float(cell) for cell in cells] for name, *cells in rows}

    return read
