"""From a model's name to a file of it, compared with the model before it is written."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_write_bytes
from creativeml.synthesis.exporting.eight_bits import check_int8, int8_model
from creativeml.synthesis.exporting.onnx_file import onnx_model
from creativeml.synthesis.exporting.parts import GeneratorGraph, Part, Role, Which, drawn_inputs, find_part
from creativeml.synthesis.exporting.torch_file import torch_bytes, torch_program
from creativeml.synthesis.finish import finish

Format = Literal["onnx", "torch"]
Precision = Literal["float32", "bfloat16", "int8"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
_KNOWN: dict[Format, tuple[Precision, ...]] = {"onnx": ("float32", "int8"), "torch": ("float32", "bfloat16")}
LARGEST_DIFFERENCE = 1e-3
"""Of a float32 file from its model, in any output; more is an error of the exporter."""
_COMPARED = 4
"""Sounds of each kind by which a file is compared with its model."""
_WINDOW, _FLOOR = 1024, 1e-4

Run = Callable[[dict[str, Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Differences:
    """How far a file is from the model that it was made of.

    Attributes:
        sounds: how many were compared.
        largest_difference: in any number of any output; of generators before the last touch.
        finished_difference: of generators, in any sample of finished sounds, full scale 1.
        log_spectral_distance: of generators, in dB, mean over the sounds: root mean square over bins of the levels'
            difference down to -80 dB, mean over frames.
        worst_log_spectral_distance: that of the worst sound.
    """

    sounds: int
    largest_difference: float
    finished_difference: float | None = None
    log_spectral_distance: float | None = None
    worst_log_spectral_distance: float | None = None


@dataclass(frozen=True)
class Exported:
    """What was written: path and size of the file, what it is, format, precision, and how near it is to the model."""

    file: str
    bytes: int
    role: Role
    format: Format
    precision: Precision
    differences: Differences

    def as_json(self) -> dict[str, Any]:
        """Plain values; what does not apply is not told."""
        values = asdict(self)
        values |= values.pop("differences")
        return {name: value for name, value in values.items() if value is not None}


def export_model(
    name: str | Path,
    out: str | Path,
    *,
    which: Which = "model",
    form: Format = "onnx",
    precision: Precision = "float32",
    overwrite: bool = False,
) -> Exported:
    """Write a model as a file that other programs run.

    Args:
        name: a bundled name, a folder, or user/name on the hub.
        out: the file; its name ends as the format wants.
        which: the model itself, or the encoder that was trained beside it.
        form: `onnx`, or `torch` for a program of `torch.export`.
        precision: of the convolutions; int8 is for generators as ONNX, bfloat16 for generators as torch programs.
        overwrite: replace a file that is there.

    Raises:
        CreativeMLError: nothing of that name, what cannot be exported so, a file in the way or one that cannot be
            written, or the packages of the extra `export` are missing.
    """
    path = _checked_path(Path(out), form, overwrite)
    if precision not in _KNOWN[form]:
        raise CreativeMLError(
            f"{form} files are exported in {' or '.join(_KNOWN[form])}, not in {precision}"
            + (": ONNX Runtime has no convolutions in bfloat16 on CPUs" if form == "onnx" else "; int8 is for onnx")
        )
    if form == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            require(package, extra="export")
    part = find_part(name, which)
    part.card["precision"] = precision
    data, run = _onnx(part, precision) if form == "onnx" else _torch(part, precision)
    found = differences(part, run)
    if precision == "float32" and not found.largest_difference <= LARGEST_DIFFERENCE:
        raise CreativeMLError(
            f"{path}: the exported network differs from the model by {found.largest_difference:.2g}, so it was not "
            "written; this is an error of the exporter, please report it with the versions of torch and onnxscript"
        )
    try:
        atomic_write_bytes(path, data)
    except OSError as error:
        raise CreativeMLError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error
    return Exported(str(path), len(data), part.role, form, precision, found)


def onnx_session(data: bytes, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU; `threads` None takes as many as torch does."""
    runtime = require("onnxruntime", extra="export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3
    return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _checked_path(path: Path, form: Format, overwrite: bool) -> Path:
    """Refuse at once what would fail after half a minute of work."""
    if path.suffix != SUFFIXES[form]:
        raise CreativeMLError(
            f"{path}: --format {form} writes files that end in {SUFFIXES[form]}; choose another --out"
        )
    if path.is_dir() or (path.exists() and not overwrite):
        remedy = "choose another --out" if path.is_dir() else "choose another --out, or --overwrite to replace it"
        raise CreativeMLError(f"{path}: is there already; {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CreativeMLError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error
    return path


def _onnx(part: Part, precision: Precision) -> tuple[bytes, Run]:
    if precision == "int8":
        check_int8(part)
    model = onnx_model(part)
    data = (int8_model(part, model) if precision == "int8" else model).SerializeToString()
    session = onnx_session(data)

    def run(inputs: dict[str, Tensor]) -> list[Tensor]:
        made = session.run(list(part.outputs), {name: values.numpy() for name, values in inputs.items()})
        return [torch.from_numpy(values) for values in made]

    return data, run


def _torch(part: Part, precision: Precision) -> tuple[bytes, Run]:
    if precision == "bfloat16":
        if not isinstance(part.graph, GeneratorGraph):
            raise CreativeMLError(f"bfloat16 is for generators, not for {part.role}s; export it in float32")
        part.graph.model.dtype = torch.bfloat16
    program = torch_program(part)
    if isinstance(part.graph, GeneratorGraph):
        # What the file is compared with.
        part.graph.model.dtype = torch.float32
    module = program.module()

    @torch.no_grad()
    def run(inputs: dict[str, Tensor]) -> list[Tensor]:
        made = module(*inputs.values())
        return [made] if isinstance(made, Tensor) else list(made)

    return torch_bytes(part, program), run


def differences(part: Part, run: Run) -> Differences:
    """Differences of an exported network from its model, of a generator on one sound at a time and on several."""
    if not isinstance(part.graph, GeneratorGraph):
        pairs = list(zip(part(part.inputs), run(part.inputs), strict=True))
        return Differences(len(pairs[0][0]), max(_largest(a, b) for a, b in pairs))
    kinds = len(part.graph.model.config.kinds)
    inputs = drawn_inputs(part.graph.model, _COMPARED * kinds, 0)
    starts = [*range(kinds), *range(kinds, _COMPARED * kinds + 1, kinds)]
    own, theirs = [], []
    for first, after in itertools.pairwise(starts):
        some = {name: values[first:after] for name, values in inputs.items()}
        own.append(part(some)[0])
        theirs.append(run(some)[0])
    sounds, others = torch.cat(own), torch.cat(theirs)
    rate = part.card["sample_rate"]
    finished, other = finish(sounds, rate), finish(others, rate)
    distances = log_spectral_distances(finished, other)
    return Differences(
        len(sounds),
        _largest(sounds, others),
        _largest(finished, other),
        float(distances.mean()),
        float(distances.max()),
    )


def log_spectral_distances(sounds: Tensor, others: Tensor) -> Tensor:
    """Log-spectral distance of sounds `(n, samples)` from others, in dB: `(n,)`."""
    levels = [_levels(some) for some in (sounds, others)]
    return (levels[0] - levels[1]).square().mean(1).sqrt().mean(1)


def _levels(sounds: Tensor) -> Tensor:
    window = torch.hann_window(_WINDOW)
    spectra = torch.stft(sounds, _WINDOW, _WINDOW // 4, window=window, return_complex=True).abs() / (_WINDOW / 4)
    return 20.0 * torch.log10(spectra + _FLOOR)


def _largest(a: Tensor, b: Tensor) -> float:
    difference = (a.float() - b.float()).abs()
    # A number that is none must not pass for a small difference.
    return float(difference.max()) if bool(difference.isfinite().all()) else float("inf")
