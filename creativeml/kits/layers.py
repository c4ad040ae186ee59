"""Softer layers and further takes of one stroke, made by the model; of a musician's own recording, by a filter.

A drum that is struck softly is not the same sound turned down: it is duller and less hard. So the model is asked for
the same sound with less brightness and hardness, as far as such sounds occur (`Instrument.feasible`). Where it knows
no softer one, a low-pass does the rest. Each layer is measured: it is less bright and less hard than the layer above.

Levels: sounds of every layer are near full level, and hosts turn them down by the velocity (`creativeml.kits.kit`). A
layer's loudness is at least 0.25 dB below that of the layer above, never above it: so a crescendo only ever grows, and
nothing is turned down twice. Takes of one layer are no louder than its first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from creativeml.audio.descriptors.registry import describe
from creativeml.audio.loudness import integrated_loudness
from creativeml.errors import CreativeMLError
from creativeml.kits.kit import LOUDEST, MAX_NAME, MAX_TAKES, Layer, Shaping, Take, spans_of
from creativeml.kits.shape import shaped
from creativeml.kits.wave import samples_of, wav_of
from creativeml.synthesis.catalog import MAX_TAKE
from creativeml.synthesis.export import SoundRecord, render
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.request import Request
from creativeml.threads import threads

VARY = 0.2
"""How far a take lies from the first: the same drum, struck again."""
SOFTEST = 24.0
"""Points of brightness and hardness that a stroke of velocity 0 would lose; one of 63 loses half of them."""
SOFTENED = ("brightness", "hardness")
STEP_DB = 0.25
_LEAST_DROP = 0.5
"""Points by which a layer is measured below the one above."""
_CUTOFFS_HZ = tuple(20_000.0 * 2 ** (-i / 3) for i in range(24))

Make = Callable[[Request], tuple[bytes, SoundRecord]]


@dataclass(frozen=True)
class Heard:
    """What is measured of a take: the two softened descriptors in points, and the loudness in LUFS.

    `quick` is the hardness by its fast face, which takes a fifteenth of the time and is right to a point or two.
    """

    brightness: float
    hardness: float
    loudness: float
    quick: float

    def below(self, other: Heard, points: float) -> bool:
        """Whether both descriptors are at least so many points below those of another."""
        return self.brightness <= other.brightness - points and self.hardness <= other.hardness - points


def model_layers(
    instrument: Instrument,
    request: Request,
    name: str,
    layers: int = 1,
    takes: int = 1,
    *,
    vary: float = VARY,
    shaping: Shaping | None = None,
    make: Make | None = None,
) -> tuple[Layer, ...]:
    """Layers of the sound that `request` names, the softest first.

    The first take of the loudest layer is the sound itself, with nothing changed unless `shaping` says so. All of it
    can be made again from the takes' records and shapings (see `remade`).

    Args:
        instrument: makes the sounds.
        request: the pad's own sound.
        name: of the pad, which begins those of the takes.
        layers: 1 to 8.
        takes: 1 to 16 for each layer.
        vary: how far further takes lie from the first, 0 to 1; those of a sound that is a take itself, and so lies
            between two others, have its latent and differ by their noise, which is most of the difference anyhow.
        shaping: what is done to every take; its gain to the loudest layer.
        make: gives what `render` would, where some have been made before.

    Raises:
        CreativeMLError: a number out of its range, or a request that the instrument cannot meet.
    """
    _check_takes(takes)
    spans, shaping = spans_of(layers), shaping or Shaping()
    make = make or (lambda asked: render(instrument, asked, measure=False))
    given = instrument.given(request.kind, request.seed, request.truncation, request.controls)
    found: list[Layer] = []
    above: Heard | None = None
    for low, high in reversed(spans):
        asked = request if above is None else _softer_request(request, given, high)
        made = make(asked)
        # One layer alone is compared with nothing, so nothing need be measured.
        first, above = _first_take(made, name, shaping, above, len(spans) > 1 or takes > 1)
        row = [first]
        for turn in range(1, takes):
            again = make(_further_request(asked, vary, turn))
            row.append(_no_louder(again, _numbered(name, turn + 1), first.shaping, above))
        found.append(Layer(low, high, tuple(row)))
    return tuple(reversed(found))


def own_layers(
    samples: np.ndarray,
    sample_rate: int,
    name: str,
    own: str,
    layers: int = 1,
    *,
    shaping: Shaping | None = None,
) -> tuple[Layer, ...]:
    """Layers of a recording, the softest first, by a low-pass; there is one take, as nothing plays it again.

    Args:
        samples: `(n,)`, in [-1, 1].
        sample_rate: in Hz, the kit's.
        name: of the pad.
        own: where the recording comes from.
        layers: 1 to 8.
        shaping: what is done to it.

    Raises:
        CreativeMLError: a number out of its range.
    """
    spans, shaping = spans_of(layers), shaping or Shaping()
    plain = wav_of(samples, sample_rate, name=name)
    found: list[Layer] = []
    above: Heard | None = None
    drop = 0.0
    for low, high in reversed(spans):
        lost = SOFTEST * (1 - high / LOUDEST)
        take, above = _first_take((plain, None), name, shaping, above, len(spans) > 1, max(_LEAST_DROP, lost - drop))
        shaping = replace(shaping, cutoff_hz=take.shaping.cutoff_hz)
        drop = lost
        found.append(Layer(low, high, (replace(take, own=own),)))
    return tuple(reversed(found))


def remade(instrument: Instrument, record: SoundRecord, shaping: Shaping, name: str, make: Make | None = None) -> Take:
    """A take made again from what a kit says of it: on the machine and version that made it, the same bytes."""
    made = make(record.request) if make is not None else render(instrument, record.request, measure=False)
    return _take(made, name, shaping)


def measured(take: Take) -> Heard:
    """What is measured of a take."""
    brightness, quick = _quickly(take)
    with threads(1):
        hardness = float(describe(_sound(take), take.sample_rate, ("hardness",))["hardness"])
    return Heard(brightness, hardness, integrated_loudness(take.samples, take.sample_rate), quick)


def _quickly(take: Take) -> tuple[float, float]:
    with threads(1):
        values = describe(_sound(take), take.sample_rate, SOFTENED, smooth=True)
    return float(values["brightness"]), float(values["hardness"])


def _sound(take: Take) -> torch.Tensor:
    return torch.from_numpy(take.samples)[None]


def _check_takes(takes: int) -> None:
    if isinstance(takes, bool) or not isinstance(takes, int) or not 1 <= takes <= MAX_TAKES:
        raise CreativeMLError(f"takes must be a whole number from 1 to {MAX_TAKES}, got {takes!r}")


def _softer_request(request: Request, given: dict[str, float], high: int) -> Request:
    """The same sound, struck with a velocity of `high`."""
    lost = SOFTEST * (1 - high / LOUDEST)
    softer = {name: round(given[name] - lost, 2) for name in SOFTENED if name in given}
    return replace(request, controls={**request.controls, **softer})


def _further_request(request: Request, vary: float, turn: int) -> Request:
    """Another stroke of the same sound."""
    if not request.take:
        return replace(request, vary=vary, take=turn)
    return replace(request, stroke=1 + (request.stroke + turn - 1) % MAX_TAKE)


def _numbered(name: str, number: int) -> str:
    return f"{name[: MAX_NAME - 1 - len(str(number))].rstrip()} {number}"


def _first_take(
    made: tuple[bytes, SoundRecord | None],
    name: str,
    shaping: Shaping,
    above: Heard | None,
    measure: bool,
    least: float = _LEAST_DROP,
) -> tuple[Take, Heard | None]:
    """A layer's first take, softer than the layer above by `least` points and no louder, and what was measured."""
    take = _take(made, name, shaping)
    if above is None:
        return take, measured(take) if measure else None
    chosen, heard = take, measured(take)
    if not heard.below(above, _LEAST_DROP) or made[1] is None:
        chosen, heard = _filtered(made, name, shaping, above, least, (take, heard))
    return _turned_down(made, chosen, heard, above.loudness - STEP_DB)


def _filtered(
    made: tuple[bytes, SoundRecord | None],
    name: str,
    shaping: Shaping,
    above: Heard,
    least: float,
    best: tuple[Take, Heard],
) -> tuple[Take, Heard]:
    """The take through the highest low-pass that makes it softer than the layer above by `least` points."""
    for cutoff in _CUTOFFS_HZ:
        if shaping.cutoff_hz and cutoff >= shaping.cutoff_hz:
            continue
        take = _take(made, name, replace(shaping, cutoff_hz=round(cutoff, 1)))
        brightness, quick = _quickly(take)
        if brightness > above.brightness - least or quick > above.quick - _LEAST_DROP:
            continue
        heard = measured(take)
        if heard.below(above, _LEAST_DROP):
            return take, heard
        best = (take, heard) if heard.below(best[1], 0.0) else best
    return best


def _turned_down(made: tuple[bytes, SoundRecord | None], take: Take, heard: Heard, most: float) -> tuple[Take, Heard]:
    """A take that is no louder than `most` LUFS."""
    over = heard.loudness - most
    if not math.isfinite(over) or over <= 0:
        return take, heard
    # Up to a hundredth: a number that a person can read says it in full.
    gain = max(-120.0, round(take.shaping.gain_db - math.ceil(over * 100) / 100, 2))
    turned = _take(made, take.name, replace(take.shaping, gain_db=gain))
    return turned, replace(heard, loudness=heard.loudness + gain - take.shaping.gain_db)


def _no_louder(made: tuple[bytes, SoundRecord], name: str, shaping: Shaping, first: Heard | None) -> Take:
    take = _take(made, name, shaping)
    if first is None:
        return take
    over = integrated_loudness(take.samples, take.sample_rate) - first.loudness
    if not math.isfinite(over) or over <= 0:
        return take
    gain = max(-120.0, round(shaping.gain_db - math.ceil(over * 100) / 100, 2))
    return _take(made, name, replace(shaping, gain_db=gain))


def _take(made: tuple[bytes, SoundRecord | None], name: str, shaping: Shaping) -> Take:
    data, record = made
    if shaping == Shaping():
        return Take(data, name, record)
    plain = Take(data, name, record)
    sound = torch.from_numpy(samples_of(plain.data))
    changed = shaped(
        sound, plain.sample_rate, shaping.tune_semitones, shaping.decay, shaping.cutoff_hz, shaping.gain_db
    )
    return replace(plain, data=wav_of(changed.numpy(), plain.sample_rate, name=name), shaping=shaping)
