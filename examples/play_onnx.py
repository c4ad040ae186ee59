"""Plays an exported generator without torch and without creativeml: numpy and onnxruntime are all it needs.

    creativeml export drums --out drums.onnx
    python examples/play_onnx.py drums.onnx --kind snare --seed 3 --out snares
    python examples/play_onnx.py drums.onnx --kind kick --control brightness=40 --count 4 --out kicks

Everything else it needs to know is in the file's metadata. A seed is the same sound here as in `creativeml generate
--tuning 0`, because the random numbers of torch's CPU generator are made here again; on processors that have bfloat16
that command rounds more coarsely. Controls that are left free are drawn as they go with the others among the
recordings; those that are given are taken at their word, while `creativeml generate` brings what no recording has to
the nearest that occurs.
"""

from __future__ import annotations

import argparse
import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


class RandomNumbers:
    """Normal numbers in the order and by the method of torch's CPU generator.

    The uniform ones come from MT19937 (Matsumoto and Nishimura 1998), normal ones by Box and Muller (1958): of 16 or
    more at once in blocks of 16 from 24 bits each, of fewer in pairs from 53 bits, the second of which is kept.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)
        self._kept: float | None = None

    def normal(self, *shape: int) -> np.ndarray:
        """As `torch.randn(shape)`, to the last digit or two."""
        count = int(np.prod(shape))
        if count < 16:
            return np.array([self._single() for _ in range(count)], np.float32).reshape(shape)
        numbers = self._uniform(count)
        whole = count - count % 16
        numbers[:whole] = self._blocks(numbers[:whole])
        if count > whole:
            numbers[-16:] = self._blocks(self._uniform(16))
        return numbers.astype(np.float32).reshape(shape)

    def _words(self, count: int) -> np.ndarray:
        return self._random.randint(0, 1 << 32, size=count, dtype=np.uint32)

    def _uniform(self, count: int) -> np.ndarray:
        return (self._words(count) & 0xFFFFFF) * 2.0**-24

    @staticmethod
    def _blocks(uniform: np.ndarray) -> np.ndarray:
        first, second = uniform.reshape(-1, 2, 8).transpose(1, 0, 2)
        radius, angle = np.sqrt(-2.0 * np.log(1.0 - first)), 2.0 * np.pi * second
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)

    def _single(self) -> float:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        words = [int(word) for word in self._words(4)]
        first, second = (((words[i] << 32 | words[i + 1]) & (1 << 53) - 1) * 2.0**-53 for i in (0, 2))
        radius, angle = np.sqrt(-2.0 * np.log1p(-second)), 2.0 * np.pi * first
        self._kept = float(radius * np.sin(angle))
        return float(radius * np.cos(angle))


class Player:
    """An exported generator.

    Args:
        path: written by `creativeml export`.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        # The runtime's own errors have no common class but this one.
        except Exception as error:
            sys.exit(f"error: {path}: not an ONNX file that can be played ({str(error).splitlines()[0][:120]})")
        said = self.session.get_modelmeta().custom_metadata_map
        self.card: dict[str, Any] = json.loads(said.get("creativeml", "{}"))
        if self.card.get("role") != "generator":
            sys.exit(f"error: {path}: not a generator written by `creativeml export`")

    def sound(self, kind: str, seed: int, truncation: float = 1.0, controls: dict[str, float] | None = None) -> Any:
        """One finished sound `(samples,)`, peak at -1 dBFS."""
        card = self.card
        random = RandomNumbers(seed)
        latent = random.normal(1, card["inputs"]["latent"][1])
        noise = [random.normal(*shape).reshape(1, -1) for shape in card["random_numbers"]["noise_shapes"]]
        inputs = {
            "latent": latent,
            "condition": self.condition(kind, seed, truncation, controls or {}),
            "noise": np.concatenate(noise, axis=1),
            "truncation": np.array([truncation], np.float32),
        }
        return self.finished(np.asarray(self.session.run(["sound"], inputs)[0])[0])

    def condition(self, kind: str, seed: int, truncation: float, controls: dict[str, float]) -> np.ndarray:
        """What the network is told `(1, condition_dim)`: the kind, then an entry for each control."""
        card = self.card
        entries = list(card["usual_controls"].get(kind, []))
        values = self.completed(kind, seed, truncation, controls)
        for place, (name, scale) in enumerate(card["controls"].items()):
            if name in values:
                entries[place] = _entry(scale, values[name])
        return np.array([[float(name == kind) for name in card["kinds"]] + entries], np.float32)

    def completed(self, kind: str, seed: int, truncation: float, given: dict[str, float]) -> dict[str, float]:
        """A value of every control: those that are given, and for the others what goes with them among recordings.

        A Gaussian copula: each value has a normal score, and scores go together by their correlation. The draw is of
        all scores together; what is fixed then pulls the others along (conditioning by kriging).
        """
        ranges = self.card["ranges"]
        if ranges is None:
            return given
        own, names, scores = ranges["kinds"][kind], ranges["descriptors"], np.array(ranges["scores"])
        quantiles, correlation, largest = np.array(own["quantiles"]), np.array(own["correlation"]), own["largest"]
        random = np.random.default_rng([seed, 1])
        drawn = truncation * np.linalg.cholesky(correlation) @ random.standard_normal(len(names))
        drawn = drawn.clip(-ranges["most_drawn"], ranges["most_drawn"])
        drawn *= _kept(0.0, _squared(drawn, correlation), largest)
        fixed = [names.index(name) for name in self.card["controls"] if name in given and name in names]
        free = [place for place in range(len(names)) if place not in fixed]
        asked = [_score(quantiles[p], scores, given[names[p]], float(drawn[p])) for p in fixed]
        asked = np.array(asked).clip(-ranges["most_asked"], ranges["most_asked"])
        of_fixed, between = correlation[np.ix_(fixed, fixed)], correlation[np.ix_(fixed, free)]
        pull = np.linalg.solve(of_fixed, between).T
        rest = drawn[free] - pull @ drawn[fixed]
        unexplained = correlation[np.ix_(free, free)] - pull @ between
        rest *= _kept(_squared(asked, of_fixed), _squared(rest, unexplained), largest)
        found = (pull @ asked + rest).clip(-ranges["most_asked"], ranges["most_asked"])
        values = {names[p]: float(np.interp(s, scores, quantiles[p])) for p, s in zip(free, found, strict=True)} | given
        for first, second in ranges["ordered"]:
            if first in values and second in values and values[second] < values[first]:
                changed, other = (first, second) if second in given and first not in given else (second, first)
                values[changed] = values[other]
        # To five digits, as everywhere, except what was given.
        return {name: given.get(name, float(f"{value:.5g}")) for name, value in values.items()}

    def finished(self, sound: np.ndarray) -> np.ndarray:
        """The last touch: no DC, a short fade at the end, a fixed peak."""
        touch, rate, samples = self.card["finish"], self.card["sample_rate"], len(sound)
        size = 1 << (2 * samples - 1).bit_length()
        pole = 1.0 / (1.0 + 2.0 * np.pi * touch["dc_corner_hz"] / rate)
        delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
        response = pole * (1.0 - delay) / (1.0 - pole * delay)
        sound = np.fft.irfft(np.fft.rfft(sound.astype(np.float64), size) * response, size)[:samples]
        fade = min(samples, max(2, round(touch["fade_s"] * rate)))
        sound[samples - fade :] *= 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, fade))
        sound[-1] = 0.0
        peak = np.abs(sound).max()
        if peak > 10 ** (touch["silence_dbfs"] / 20):
            sound *= 10 ** (touch["peak_dbfs"] / 20) / peak
        return sound.astype(np.float32)


def _entry(scale: dict[str, Any], value: float) -> float:
    """A control's value in its unit as an entry of the condition."""
    place = value / scale["jnd"]
    if scale["logarithmic"]:
        place = np.log1p(max(value, 0.0) / scale["low"]) / np.log(scale["jnd"])
    return float(np.clip((place - scale["middle"]) / scale["per_unit"], -scale["limit"], scale["limit"]))


def _score(row: np.ndarray, scores: np.ndarray, value: float, drawn: float) -> float:
    """The normal score of a value; of a value that many recordings share, the one nearest to what was drawn."""
    least = 1e-6 * max(1.0, abs(row[0]))
    per_score = max(row[-1] - row[0], least) / (scores[-1] - scores[0])
    if value < row[0]:
        return float(scores[0] + (value - row[0]) / per_score)
    if value > row[-1]:
        return float(scores[-1] + (value - row[-1]) / per_score)
    first, last = np.searchsorted(row, value, "left"), np.searchsorted(row, value, "right")
    if last > first:
        return float(min(max(drawn, scores[first]), scores[last - 1]))
    return float(np.interp(value, row, scores))


def _squared(scores: np.ndarray, correlation: np.ndarray) -> float:
    """Squared Mahalanobis distance of scores from the middle."""
    return float(scores @ np.linalg.solve(correlation, scores)) if len(scores) else 0.0


def _kept(taken: float, squared: float, largest: float) -> float:
    """What scores are multiplied by so that all of them together lie among the recordings."""
    left = max(largest - taken, 0.0) * (1 - 1e-6)
    return 1.0 if squared <= left else float(np.sqrt(left / squared))


def write_wav(path: Path, sound: np.ndarray, sample_rate: int) -> None:
    """24-bit mono."""
    numbers = np.round(sound.astype(np.float64) * (1 << 23)).clip(-(1 << 23), (1 << 23) - 1).astype("<i4")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(sample_rate)
        file.writeframes(numbers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


def main(arguments: list[str] | None = None) -> int:
    """Write a row of sounds as wav files."""
    parser = argparse.ArgumentParser(description="Play a generator that `creativeml export` wrote, without torch.")
    parser.add_argument("model", type=Path, help="the .onnx file")
    parser.add_argument("--kind", default="kick")
    parser.add_argument("--seed", type=int, default=0, help="of the first sound; the others count up")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--truncation", type=float, default=1.0, help="variation, 0 to 1.5")
    parser.add_argument("--control", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the wavs")
    given = parser.parse_args(arguments)
    if not given.model.is_file():
        parser.error(f"{given.model}: no such file")
    player = Player(given.model)
    card = player.card
    if given.kind not in card["kinds"]:
        parser.error(f"the kind '{given.kind}' is not known (kinds: {', '.join(card['kinds'])})")
    if not 0 <= given.seed < given.seed + given.count <= 1 << 32:
        parser.error("seeds are whole numbers from 0 to 4294967295, and count is 1 or more")
    if not card["truncation"]["least"] <= given.truncation <= card["truncation"]["most"]:
        parser.error(f"truncation must be from 0 to {card['truncation']['most']}")
    controls = {}
    for text in given.control:
        name, _, value = text.partition("=")
        try:
            controls[name] = float(value)
        except ValueError:
            parser.error(f"--control wants NAME=VALUE, not '{text}'")
        if name not in card["controls"] or not np.isfinite(controls[name]):
            parser.error(f"no control or no number: '{text}' (controls: {', '.join(card['controls']) or 'none'})")
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in range(given.seed, given.seed + given.count):
        path = given.out / f"{given.kind}_s{seed:04d}.wav"
        write_wav(path, player.sound(given.kind, seed, given.truncation, controls), card["sample_rate"])
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
