"""Projects of kits and kits of projects: what is left out is told, and a recording sounds as it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from creativeml.files import sha256_bytes
from creativeml.kits.kit import Kit
from creativeml.kits.project import PadPlan
from creativeml.kits.rendering import adopted, pad_of
from creativeml.kits.wave import wav_of


def with_records(kit: Kit, keep: bool) -> Kit:
    """As another program writes it, which knows of no model, unless they are kept."""

    def plain(take):
        return take if keep else replace(take, record=None, own=take.own or take.name)

    def layer(old):
        return replace(old, takes=tuple(map(plain, old.takes)))

    return kit.with_pads([replace(pad, layers=tuple(map(layer, pad.layers))) for pad in kit.pads])


def test_takes_that_are_left_out_are_told(drums, kit):
    kept = {}

    def keep(data: bytes) -> str:
        kept[sha256_bytes(data)] = data
        return sha256_bytes(data)

    hats = kit.with_pads([kit.pad_at(42)])  # three takes
    project, notes = adopted(with_records(hats, False), drums, keep)
    assert project.pads[6].own in kept and any("takes" in note for note in notes)
    project, notes = adopted(hats, drums, keep)
    assert project.pads[6].takes == 3 and not any("takes" in note for note in notes)
    kick = kit.with_pads([kit.pad_at(36)])
    assert not any("takes" in note for note in adopted(with_records(kick, False), drums, keep)[1])


def test_a_recording_at_another_rate_keeps_its_pitch(drums):
    rate = 22050
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    data = wav_of(tone.astype(np.float32), rate)
    pad = pad_of(36, PadPlan("Tone", "perc", own=sha256_bytes(data)), drums, lambda name: data)
    sound, hz = pad.takes[0].samples, pad.takes[0].sample_rate
    assert hz == 44100 and abs(len(sound) - hz) <= 1
    spectrum = np.abs(np.fft.rfft(sound[:hz] * np.hanning(len(sound[:hz]))))
    assert abs(np.argmax(spectrum) * hz / len(sound) - 440) < 1.5
