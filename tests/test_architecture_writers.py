"""Files that users keep are written whole: to a temporary file, flushed, renamed (`creativeml.files.atomic_path`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import creativeml

ROOT = Path(creativeml.__file__).parents[1]
FOLDERS = ("creativeml", "apps", "datasets", "examples")
WRITERS = {"write_text", "write_bytes", "savefig", "to_csv", "to_json", "to_html", "tofile", "save_file", "save_model"}
WRITERS |= {"copyfile", "copy2", "copytree", "write_image", "write_html", "imsave"}
OF_MODULES = {
    ("np", "save"),
    ("np", "savez"),
    ("np", "savetxt"),
    ("numpy", "save"),
    ("torch", "save"),
    ("json", "dump"),
}
OF_MODULES |= {("soundfile", "write"), ("sf", "write"), ("shutil", "copy"), ("shutil", "move"), ("wavfile", "write")}
OPENERS = {"open", "fdopen", "ZipFile", "TarFile", "SoundFile", "NamedTemporaryFile"}

# Whoever writes otherwise, in which function, and why that is right.
ALLOWED = {
    "creativeml/files.py atomic_path": "flushes the temporary file",
    "creativeml/data/shaping.py _store": "renamed into place; not flushed, since hashes tell what a power cut spoilt",
    "creativeml/data/journal.py __init__": "lines are appended, and what follows the last line end is cut off",
    "creativeml/data/recipes/unpack.py _write": "in a temporary folder that is renamed as a whole",
    "creativeml/data/recipes/packages.py _download_pip": "in a temporary folder",
    "creativeml/data/recipes/apt.py options_for": "lists of packages, written anew each time",
    "creativeml/training/speed.py _write_clips": "in a temporary folder",
    "creativeml/training/descriptor_speed.py": "a pipe between processes and the log of a measurement",
    "creativeml/training/recorder.py": "the curves of a run, a line each; see there",
    "apps/_shared/shelf.py place": "in a folder that goes with the process; renamed into place",
    "examples/large_scale.py write_manifest": "in a temporary folder",
    "examples/play_onnx.py write_wav": "stands alone: it shows how to play without creativeml",
    "examples/latent_smoothness.py": "lines are appended, and one that was cut off is left out",
    "examples/latent_inversion.py": "lines are appended, and one that was cut off is left out",
    "examples/style_transfer.py": "lines are appended, and one that was cut off is left out",
}


def writers(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """(function, line, call) of everything that writes a file and is not known to write into a temporary one."""

    def visit(node: ast.AST, function: str, safe: frozenset[str]) -> Iterator[tuple[str, int, str]]:
        if isinstance(node, ast.FunctionDef):
            function = node.name
            safe = frozenset(_in_memory(node))
        if isinstance(node, ast.With):
            safe |= {
                item.optional_vars.id
                for item in node.items
                if isinstance(item.optional_vars, ast.Name)
                and isinstance(item.context_expr, ast.Call)
                and _name(item.context_expr.func) == "atomic_path"
            }
        if isinstance(node, ast.Call) and _writes(node) and not _targets(node) & safe:
            yield function, node.lineno, ast.unparse(node.func)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function, safe)

    yield from visit(tree, "", frozenset())


def _in_memory(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) == "BytesIO":
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _writes(call: ast.Call) -> bool:
    name = _name(call.func)
    if name in OPENERS:
        mode = [k.value for k in call.keywords if k.arg == "mode"] + call.args
        texts = [a.value for a in mode if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return any(set(text) <= set("rwxabt+:gz") and set(text) & set("wxa+") for text in texts)
    module = getattr(getattr(call.func, "value", None), "id", "")
    return name in WRITERS or (module, name) in OF_MODULES


def _targets(call: ast.Call) -> set[str]:
    """Names that the call could write to: its object and its arguments."""
    places = [*call.args, *(k.value for k in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        places.append(call.func.value)
    return {node.id for place in places for node in ast.walk(place) if isinstance(node, ast.Name)}


def test_the_finder_tells_writers_from_readers():
    code = (
        "def f(path):\n path.write_text('x')\n open(path, 'w')\n path.open('ab')\n zipfile.ZipFile(path, mode='w')\n"
        " figure.savefig(path)\n soundfile.write(path, x, 1)\n"
        "def g(path):\n path.open('rb')\n open(path)\n soundfile.read(path)\n path.open(newline='', encoding='utf-8')\n"
        " buffer = io.BytesIO()\n soundfile.write(buffer, x, 1)\n"
        " with atomic_path(path) as temporary:\n  temporary.write_bytes(b'')\n  figure.savefig(temporary)\n"
    )
    assert [(function, line) for function, line, _ in writers(ast.parse(code))] == [("f", n) for n in range(2, 8)]


def test_what_users_keep_is_written_whole():
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for function, line, call in writers(ast.parse(path.read_text(encoding="utf-8"))):
                if name not in ALLOWED and f"{name} {function}" not in ALLOWED:
                    found.append(f"{name}:{line} {function}: {call}")
    assert found == []


def test_every_exception_is_still_needed():
    for entry in ALLOWED:
        name, _, function = entry.partition(" ")
        found = list(writers(ast.parse((ROOT / name).read_text(encoding="utf-8"))))
        assert any(function in ("", of) for of, _, _ in found), entry
