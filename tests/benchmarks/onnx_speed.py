"""What an exported generator costs beside torch, and what its variants lose: in one run, the contestants taking turns.

    python tests/benchmarks/onnx_speed.py [MODEL] [--turns N]

MODEL is `drums` unless it is given. Printed are, for one sound and for 16 at a time, on one thread and on all, the
median of the milliseconds for a sound, and how many times real time that is; then size and loss of each ONNX file
against torch in float32 on 44 sounds (4 seeds of each kind): largest difference and correlation of finished sounds,
log-spectral distance, and how many of them the judge hears as what they are. float16 is not offered by `creativeml
export`; it is made here, by the converter of onnxruntime, to show why. One to two minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import Tensor

from creativeml.evaluation.cost import in_turns
from creativeml.evaluation.judge import load_judge
from creativeml.evaluation.tables import table
from creativeml.precision import fastest_dtype
from creativeml.synthesis.exporting.eight_bits import int8_model
from creativeml.synthesis.exporting.engine import log_spectral_distances, onnx_session
from creativeml.synthesis.exporting.onnx_file import onnx_model
from creativeml.synthesis.exporting.parts import Part, drawn_inputs, find_part
from creativeml.synthesis.finish import finish
from creativeml.threads import threads


def files(part: Part) -> dict[str, bytes]:
    """The variants as ONNX files."""
    model = onnx_model(part)
    whole = onnx.load_from_string(model.SerializeToString())
    made = {"float32": model.SerializeToString(), "int8": int8_model(part, model).SerializeToString()}
    with tempfile.TemporaryDirectory() as folder:
        # Without what widens weights, which the converter would narrow again.
        path = Path(folder) / "float16.onnx"
        onnx.save(convert_float_to_float16(whole, keep_io_types=True, disable_shape_infer=True), path)
        made["float16"] = path.read_bytes()
    return made


def contestants(part: Part, made: dict[str, bytes], count: int, cores: int) -> dict[str, Callable[[], object]]:
    """Each makes `count` sounds at a time."""
    model = part.graph.model
    inputs = drawn_inputs(model, count, 0)
    arrays = {name: values.numpy() for name, values in inputs.items()}

    def by_torch(dtype: torch.dtype) -> Callable[[], object]:
        sizes = [int(np.prod(shape)) for shape in model.noise_shapes()]
        noise = [p.unflatten(1, s) for p, s in zip(inputs["noise"].split(sizes, 1), model.noise_shapes(), strict=True)]

        @torch.inference_mode()
        def play() -> object:
            model.dtype = dtype
            with threads(cores):
                return model(inputs["latent"], inputs["condition"], noise=noise)

        return play

    playing = {f"torch {str(d)[6:]}": by_torch(d) for d in dict.fromkeys((torch.float32, fastest_dtype()))}
    for name, data in made.items():
        session = onnx_session(data, cores)
        playing[f"onnxruntime {name}"] = lambda session=session: session.run(["sound"], arrays)
    return playing


@torch.no_grad()
def losses(part: Part, made: dict[str, bytes]) -> list[list[str]]:
    """A row for each file, and one for torch in its fastest format."""
    model, judge = part.graph.model, load_judge().model
    kinds, rate = model.config.kinds, part.card["sample_rate"]
    draws = [drawn_inputs(model, len(kinds), seed) for seed in range(4)]

    def heard(play: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
        return finish(torch.cat([play(inputs) for inputs in draws]), rate)

    model.dtype = torch.float32
    exact = heard(lambda inputs: part(inputs)[0])
    found = {"torch float32": (exact, 0)}
    model.dtype = fastest_dtype()
    found[f"torch {str(model.dtype)[6:]}"] = (heard(lambda inputs: part(inputs)[0]), 0)
    for name, data in made.items():
        session = onnx_session(data)

        def run(inputs: dict[str, Tensor], session=session) -> Tensor:
            return torch.from_numpy(session.run(["sound"], {n: v.numpy() for n, v in inputs.items()})[0])

        found[f"onnxruntime {name}"] = (heard(run), len(data))
    rows = []
    for name, (sounds, size) in found.items():
        distances = log_spectral_distances(exact, sounds)
        correlation = torch.nn.functional.cosine_similarity(exact.double(), sounds.double())
        recognised = sum(a == b for a, b in zip(judge.recognise(sounds), kinds * len(draws), strict=True))
        rows.append(
            [
                name,
                f"{size / 1e6:.1f}" if size else "–",
                f"{float((exact - sounds).abs().max()):.2g}",
                f"{float(correlation.median()):.4f}, {float(correlation.min()):.4f}",
                f"{float(distances.mean()):.2g}, {float(distances.max()):.2g}",
                f"{recognised} of {len(sounds)}",
            ]
        )
    return rows


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="drums")
    parser.add_argument("--turns", type=int, default=8)
    given = parser.parse_args()
    part = find_part(given.model)
    made = files(part)
    seconds = part.card["length_samples"] / part.card["sample_rate"]
    every = torch.get_num_threads()
    rows: dict[str, list[str]] = {}
    columns = []
    for cores in dict.fromkeys((1, every)):
        for count in (1, 16):
            columns.append(f"{count} at a time, {cores} thread{'s' if cores > 1 else ''}: ms a sound, × real time")
            calls = 4 if count == 1 else 1
            for name, taken in in_turns(
                contestants(part, made, count, cores), given.turns, calls, lambda: None
            ).items():
                a_sound = float(np.median(taken)) / count
                rows.setdefault(name, []).append(f"{1e3 * a_sound:.1f}, {seconds / a_sound:.0f} ×")
    print(table(["", *columns], [[name, *cells] for name, cells in rows.items()]), end="\n\n")
    head = [
        "",
        "MB",
        "largest difference",
        "correlation: median, least",
        "log-spectral distance, dB: mean, worst",
        "judge",
    ]
    print(table(head, losses(part, made)))


if __name__ == "__main__":
    main()
