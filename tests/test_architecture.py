"""Promises about the code's structure: imports point one way, nothing heavy loads for --help, the wheel is clean."""

import ast
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import creativeml
from creativeml.cli import VERBS

PACKAGE = Path(creativeml.__file__).parent

# From the bottom up; a module may import its own group and those above it in this list.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "files", "config", "settings", "kinds", "interruptions", "memory", "precision", "threads"),
    ("audio",),
    ("data", "layers", "losses"),
    ("models",),
    ("synthesis", "evaluation"),
    ("training", "kits", "maps"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Groups of one rank that may not import each other.
SEPARATE = {("data", "losses"), ("layers", "losses"), ("layers", "data"), ("losses", "data"), ("data", "layers")}
SEPARATE |= {("synthesis", "evaluation"), ("evaluation", "synthesis"), ("training", "kits"), ("kits", "training")}
SEPARATE |= {("maps", "training"), ("training", "maps"), ("maps", "kits"), ("kits", "maps")}


def imports() -> list[tuple[str, str, str]]:
    found = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        group = parts[0]
        if group in ("__init__", "__main__") or group.startswith("_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module == "creativeml":
                names = [f"creativeml.{alias.name}" for alias in node.names if (PACKAGE / alias.name).is_dir()]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                pieces = name.split(".")
                if pieces[0] == "creativeml" and len(pieces) > 1:
                    found.append((str(path.relative_to(PACKAGE)), group, pieces[1]))
    return found


def test_imports_point_one_way():
    found = imports()
    assert len(found) > 50, "the check must see the code"
    wrong = [
        f"{path} imports creativeml.{target}"
        for path, group, target in found
        if group != target and (RANK[target] > RANK[group] or (group, target) in SEPARATE)
    ]
    assert wrong == []


def test_every_group_of_the_package_is_ranked():
    groups = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert {g for g in groups if not g.startswith("_")} - {"weights"} <= set(RANK)


def test_relative_imports_and_stars_are_not_used():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.level or any(a.name == "*" for a in node.names)):
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


def test_help_does_not_load_torch():
    code = "import sys; from creativeml.cli import run; run(['--help']); assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(verb in result.stdout for verb in VERBS)


def test_importing_the_package_loads_nothing_heavy():
    """Not even torch, until something of the package is used (what it costs: `tests/benchmarks/import_cost.py`)."""
    code = (
        "import sys; import creativeml; assert creativeml.__version__ and 'models' in creativeml.__all__;"
        "heavy = {'torch', 'numpy', 'gradio', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'lightning_fabric'};"
        "print(sorted(heavy & set(sys.modules))); creativeml.describe; print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["[]", "True"], result.stdout + result.stderr


def test_base_install_needs_only_its_own_packages():
    """Loading and playing the bundled model must not import anything from the extras."""
    code = (
        "import sys; import creativeml; import creativeml.models as m; m.list(); import creativeml.cli.generate;"
        "sounds = creativeml.load('drums').generate(kind='snare', count=1); assert sounds.shape == (1, 65536);"
        "extras = {'torchaudio', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'gradio', 'lightning_fabric'};"
        "print(sorted(extras & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_no_file_of_the_package_is_too_long_to_read():
    lengths = {str(p): len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 450} == {}


def test_nothing_is_pickled():
    """Weights are safetensors, state is JSON: neither torch.load nor pickle appears in the code."""
    banned, wrong = {"pickle", "dill", "joblib"}, []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Attribute) and node.attr == "load" and getattr(node.value, "id", "") == "torch":
                modules = ["pickle"]
            if banned & {module.split(".")[0] for module in modules}:
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


def test_the_wheel_holds_one_package_with_weights_page_and_starter_pack(tmp_path):
    builders = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling: pip install hatchling")
    wheel = next(builders.WheelBuilder(str(PACKAGE.parent)).build(directory=str(tmp_path), versions=["standard"]))
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"creativeml"}
    for needed in (
        "creativeml/weights/drums/model.safetensors",
        "creativeml/weights/drums/config.json",
        "creativeml/weights/drums/MODEL_CARD.md",
        "creativeml/weights/drums/training_index.safetensors",
        "creativeml/_apps/drum_generator.py",
        "creativeml/_apps/latent_explorer.py",
        "creativeml/_apps/_latent_explorer/page.html",
        "creativeml/_apps/_about/about.html",
        "creativeml/_datasets/starter/manifest.csv",
        "creativeml/maps/canvas_map.js",
        "creativeml/maps/page.html",
        "creativeml/py.typed",
    ):
        assert needed in names
    assert sum(name.startswith("creativeml/_datasets/starter/") and name.endswith(".flac") for name in names) > 150


def test_freed_memory_is_kept_where_the_c_library_allows_it():
    """In a process of its own: a large block that is freed and made again comes without new page faults."""
    code = (
        "import resource; from creativeml.memory import keep_large_blocks; kept = keep_large_blocks();"
        "import torch; [torch.ones(1 << 24).sum() for _ in range(12)];"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt;"
        "rounds = [(faults(), [torch.ones(1 << 24).sum() for _ in range(8)], faults()) for _ in range(5)];"
        "print(int(kept), min(after - before for before, _, after in rounds))"
    )
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library than glibc")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    kept, faults = map(int, result.stdout.split())
    # One block is 64 MB, 16,384 pages; without the setting each of the eight is paged in anew, once the heap has grown.
    # The least of five rounds: the system may take pages back in one, for others' sake.
    assert kept and faults < 0.8 * 8 * 16384
