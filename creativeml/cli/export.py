"""`creativeml export`: a model as a file that other programs run."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from creativeml.synthesis.exporting.engine import Exported


def export(
    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")],
    *,
    out: Path,
    part: Literal["model", "encoder"] = "model",
    format: Literal["onnx", "torch"] = "onnx",
    precision: Literal["float32", "bfloat16", "int8"] = "float32",
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Write a generator, an encoder or a classifier as one file that other programs run without creativeml.

    An ONNX file needs no torch: examples/play_onnx.py plays it with numpy and onnxruntime alone, and the same seed is
    the same sound. What a player must know (kinds, controls and their scales, the last touch, licence) is in the file's
    metadata, the entry `creativeml`. Every file takes any number of sounds at a time, and is compared with the model
    before it is written.

    A torch file (.pt2, of torch.export) is for torch on CPUs. Reading such a file can run code that somebody put into
    it: load only your own.

    Args:
        model: a bundled model (drums, drums_vae, ear, judge), a folder of a trained one, or user/name on the Hugging
            Face hub.
        out: the file, ending in .onnx or .pt2.
        part: the model itself, or the encoder that was trained beside it (a recording to the latent behind it).
        format: onnx, or torch for a program of torch.export.
        precision: float32; int8 for generators as ONNX: convolutions in 8 bits, faster where the processor has
            instructions for it; bfloat16 for generators as torch files. How far its sounds are off is printed.
        overwrite: replace a file that is there.
        json: print the result as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.synthesis.exporting.engine import export_model

    made = export_model(model, out, which=part, form=format, precision=precision, overwrite=overwrite)
    print(json_format.dumps(made.as_json()) if json else _told(made))
    return 0


def _told(made: Exported) -> str:
    lines = [f"{made.file}: {made.role}, {made.format}, {made.precision}, {made.bytes / 1e6:.1f} MB"]
    found = made.differences
    lines.append(f"largest difference from the model on {found.sounds} sounds: {found.largest_difference:.2g}")
    if found.finished_difference is not None:
        lines[-1] += (
            f"; of finished sounds {found.finished_difference:.2g} of full scale, log-spectral distance "
            f"{found.log_spectral_distance:.2g} dB (worst {found.worst_log_spectral_distance:.2g} dB)"
        )
    return "\n".join(lines)
