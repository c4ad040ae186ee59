"""The model of a kit: what it refuses, and that it is what it says."""

import math
import re
import struct
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from creativeml.audio.io import wav_bytes
from creativeml.errors import CreativeMLError
from creativeml.kits.kit import Kit, Layer, Pad, Shaping, Take, level_of, spans_of
from creativeml.kits.naming import safe_name, sample_names
from creativeml.kits.wave import for_sampler, plain_wav, samples_of


def test_equal_sounds_are_equal_takes_whatever_else_the_wav_holds(recording):
    bare = wav_bytes(recording, 44100)
    told = wav_bytes(recording, 44100, info={"INAM": "a snare", "ICMT": "odd"})
    assert bare != told and Take(bare, "a") == Take(told, "a") == Take(for_sampler(plain_wav(told), 38, {}), "a")
    expected = np.rint(recording.astype(np.float64) * 2**23) / 2**23
    assert np.array_equal(samples_of(told), expected.astype(np.float32))


def test_a_kit_cannot_be_changed(kit):
    with pytest.raises(FrozenInstanceError):
        kit.name = "other"
    assert [pad.note for pad in kit.pads] == [36, 38, 42, 46]
    assert kit.pad_at(42).layer_at(63).high == 63 and kit.pad_at(42).layer_at(64).low == 64
    assert kit.pad_at(60) is None


def test_velocities_are_shared_out_without_gap():
    assert spans_of(1) == ((1, 127),) and spans_of(2) == ((1, 63), (64, 127))
    for count in range(1, 9):
        spans = spans_of(count)
        assert [v for low, high in spans for v in range(low, high + 1)] == list(range(1, 128))
        assert max(h - lo for lo, h in spans) - min(h - lo for lo, h in spans) <= 1
    assert level_of(127) == 1 and math.isclose(20 * math.log10(level_of(64)), -5.95, abs_tol=0.01)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"layers": ()}, "1 to 8 layers"),
        ({"note": 128}, "note"),
        ({"note": True}, "note"),
        ({"gain_db": math.nan}, "gain_db"),
        ({"gain_db": 6.1}, "gain_db"),
        ({"pan": -1.01}, "pan"),
        ({"choke": -1}, "choke"),
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "bad \ud800"}, "name"),
    ],
)
def test_a_pad_refuses_in_one_line(kit, change, word):
    with pytest.raises(CreativeMLError, match=word) as caught:
        replace(kit.pads[0], **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spans", [[(1, 60)], [(1, 60), (62, 127)], [(1, 64), (64, 127)], [(64, 127), (1, 63)], [(2, 127)]]
)
def test_layers_take_up_every_velocity_once(kit, spans):
    take = kit.pads[0].takes[0]
    with pytest.raises(CreativeMLError, match="without gap or overlap"):
        Pad(36, "Kick", "kick", tuple(Layer(low, high, (take,)) for low, high in spans))


def test_what_else_does_not_fit_is_refused(kit, recording):
    pad = kit.pads[0]
    with pytest.raises(CreativeMLError, match="two pads are on note 36"):
        Kit("Twice", (pad, replace(pad, name="Again")), 44100)
    with pytest.raises(CreativeMLError, match="its rate is 44100 Hz, the kit's 48000 Hz"):
        Kit("Rates", (pad,), 48000)
    with pytest.raises(CreativeMLError, match="1 to 128 pads"):
        Kit("Empty", (), 44100)
    for data in (b"", b"RIFF", wav_bytes(recording, 44100)[:40], wav_bytes(recording, 44100, bits=16), b"\x00" * 99):
        with pytest.raises(CreativeMLError, match="wav"):
            Take(data, "broken")
    stereo = wav_bytes(np.stack([recording, recording]), 44100)
    with pytest.raises(CreativeMLError, match="2 channels"):
        Take(stereo, "stereo")
    for bad in ({"decay": 1.1}, {"tune_semitones": -25}, {"gain_db": 1}, {"cutoff_hz": math.inf}):
        with pytest.raises(CreativeMLError):
            Shaping(**bad)


def test_files_are_named_for_every_system(kit):
    names = sample_names(kit)
    assert names[46, 0, 0] == "46_Hat_Open_01.wav"
    assert re.fullmatch(r"42_Hat_Closed_Tight_[0-9a-f]{4}_v127_03\.wav", names[42, 1, 2])
    assert len(set(names.values())) == len(names) == sum(len(pad.takes) for pad in kit.pads)
    assert all(name.isascii() and len(name) < 60 for name in names.values())
    assert (
        safe_name("CON") != "CON" and safe_name("Ärger") != safe_name("Arger") and safe_name("太鼓") != safe_name("鼓")
    )
    assert safe_name("Kick Bright") == "Kick_Bright" and len(safe_name("x" * 64)) <= 40


def test_the_sampler_chunk_names_the_note(kit):
    data = for_sampler(kit.pads[0].takes[0].data, 36, {"INAM": "Kick", "ICOP": ""})
    at = data.index(b"smpl")
    assert struct.unpack("<I9I", data[at + 4 : at + 44])[:5] == (36, 0, 0, round(1e9 / 44100), 36)
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8 and b"INAM" in data and b"ICOP" not in data
