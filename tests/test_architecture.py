"""Promises about the code's structure: imports point one way, nothing heavy loads for --help, the wheel is clean."""

import ast
import subprocess
import sys
from pathlib import Path

import creativeml
from creativeml.cli import VERBS

PACKAGE = Path(creativeml.__file__).parent

# From the bottom up; a module may import its own group and those above it in this list.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "files", "config", "kinds", "memory"),
    ("audio",),
    ("data", "layers", "losses"),
    ("models",),
    ("synthesis", "evaluation"),
    ("training", "kits"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Groups of one rank that may not import each other.
SEPARATE = {("data", "losses"), ("layers", "losses"), ("layers", "data"), ("losses", "data"), ("data", "layers")}


def imports() -> list[tuple[str, str, str]]:
    found = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        group = parts[0]
        if group in ("__init__", "__main__") or group.startswith("_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
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


def test_base_install_needs_only_its_own_packages():
    """Loading and using the bundled model must not import anything from the extras."""
    code = (
        "import sys; import creativeml; creativeml.load; import creativeml.models as m; m.list();"
        "import creativeml.synthesis.generate, creativeml.cli.generate;"
        "extras = {'torchaudio', 'librosa', 'sklearn', 'scipy', 'matplotlib', 'gradio', 'lightning_fabric'};"
        "print(sorted(extras & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_no_file_of_the_package_is_too_long_to_read():
    lengths = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 450} == {}


def test_nothing_is_pickled():
    """Weights are safetensors, state is JSON: neither torch.load nor pickle appears in the code."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "load"
                and getattr(node.value, "id", "") in ("torch", "pickle")
            ):
                wrong.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.Import) and any(
                a.name.split(".")[0] in ("pickle", "dill", "joblib") for a in node.names
            ):
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []
