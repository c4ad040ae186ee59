"""Patterns as MIDI files, read by a library of others, and as sound, every onset at its sample."""

import io
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from creativeml.errors import CreativeMLError
from creativeml.kits.kit import Kit, Layer, Pad, Take
from creativeml.kits.midi import Pattern, read_midi, write_midi
from creativeml.kits.play import played, render, render_wav
from creativeml.kits.wave import wav_of


def line(steps: int, **strokes: int) -> tuple[int, ...]:
    return tuple(strokes.get(f"s{i}", 0) for i in range(steps))


BEAT = Pattern(
    {36: line(16, s0=127, s6=90, s8=120), 42: tuple([100, 60] * 8), 46: line(16, s15=80), 38: line(16, s4=110, s12=1)},
    tempo_bpm=93.27,
    swing=0.62,
)


@pytest.mark.parametrize("form", [0, 1])
def test_midi_files_say_what_the_pattern_says(form):
    mido = pytest.importorskip("mido", reason="needs mido: pip install mido")
    file = mido.MidiFile(file=io.BytesIO(write_midi(BEAT, form=form, name="Beat")))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (form, 480, form + 1)
    merged = mido.merge_tracks(file.tracks)
    tick, struck, open_notes = 0, [], {}
    for message in merged:
        tick += message.time
        if message.type == "set_tempo":
            assert mido.tempo2bpm(message.tempo) == pytest.approx(93.27, abs=0.001)
        if message.type == "note_on":
            assert message.channel == 9
            struck.append((tick, message.note, message.velocity))
            open_notes[message.note] = tick
        if message.type == "note_off":
            assert tick - open_notes.pop(message.note) == 60
    assert not open_notes and tick == 16 * 120
    # Off-beats lie 0.62 of two steps after the beat.
    expected = [
        (240 * (step // 2) + (round(240 * 0.62) if step % 2 else 0), note, velocity)
        for note, row in BEAT.lines.items()
        for step, velocity in enumerate(row)
        if velocity
    ]
    assert sorted(struck) == sorted(expected)
    assert file.length == pytest.approx(BEAT.seconds, abs=1e-4)


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("steps", [16, 32])
@pytest.mark.parametrize("swing", [0.5, 0.5417, 2 / 3, 0.75])
def test_midi_files_come_back_as_they_were(form, steps, swing):
    pattern = Pattern({36: line(steps, s0=1), 51: tuple([127, 3, 0, 64] * (steps // 4))}, 171.5, swing, steps)
    data = write_midi(pattern, form=form)
    assert data == write_midi(pattern, form=form) and read_midi(data) == pattern


def test_midi_of_somebody_else():
    """Running status, another resolution, no word of swing, notes on another channel, late by a few ticks."""
    events = b"\x00\xff\x51\x03\x06\x1a\x80" + b"\x00\x92\x24\x64" + b"\x30\x24\x00" + b"\x0f\x26\x50" + b"\x05\x26\x00"
    track = events + b"\x00\xf0\x02\x01\xf7" + b"\x00\xc9\x05" + b"\x00\xff\x2f\x00"
    data = (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, 192)
        + b"XXXX\x00\x00\x00\x01."
        + b"MTrk"
        + struct.pack(">I", len(track))
    )
    found = read_midi(data + track)
    assert found.tempo_bpm == 150 and found.lines[36][0] == 100 and found.lines[38][1] == 80
    assert found.swing == pytest.approx(63 / 96, abs=0.001)


def test_midi_that_is_none_is_refused():
    good = write_midi(BEAT)
    for data in (b"", b"MThd", good[:30], good[:-20], good.replace(b"MTrk", b"MTrX"), b"RIFF" + good):
        with pytest.raises(CreativeMLError) as caught:
            read_midi(data)
        assert "\n" not in str(caught.value)
    for bad in (
        {"steps": 17},
        {"tempo_bpm": math.nan},
        {"swing": 0.8},
        {"lines": {36: (1, 2)}},
        {"lines": {128: (0,) * 16}},
    ):
        with pytest.raises(CreativeMLError):
            replace(BEAT, **bad)
    with pytest.raises(CreativeMLError):
        write_midi(BEAT, form=2)


def spike(name: str, length: int = 400, height: float = 0.5) -> Take:
    samples = np.zeros(length)
    samples[0] = height
    samples[1:] = height / 8
    return Take(wav_of(samples, 44100), name)


def test_every_onset_is_at_its_sample():
    """Against times counted here with fractions of the tempo, swing and all, over two rounds."""
    kit = Kit("Spikes", (Pad(36, "A", "", (Layer(1, 127, (spike("a"),)),)),), 44100)
    for tempo, swing in ((93.27, 0.62), (120, 0.5), (174.6, 2 / 3)):
        pattern = Pattern({36: (100,) * 16}, tempo, swing)
        left = render(pattern, kit, 2)[0]
        step = 44100 * 60 / pattern.tempo_bpm / 4
        times = [2 * k * step + (2 * pattern.swing * step if odd else 0) for k in range(16) for odd in (0, 1)]
        found = np.flatnonzero(left > 0.9 * left.max())
        assert found.tolist() == [math.floor(t + 0.5) for t in times]
        assert left[found] == pytest.approx(0.5 * 100 / 127 * math.sqrt(0.5), rel=1e-6)


def test_velocities_layers_takes_gain_and_pan(kit):
    rows = {36: line(16, s0=127), 42: line(16, s1=127, s4=64, s6=63, s9=127, s12=100, s14=1), 60: (1,) * 16}
    strokes = played(Pattern(rows, 60), kit)
    assert [s.note for s in strokes] == [36] + [42] * 6
    low, high = kit.pad_at(42).layers
    takes = [high.takes[0], high.takes[1], low.takes[0], high.takes[2], high.takes[0], low.takes[0]]
    velocities = [127, 64, 63, 127, 100, 1]
    for stroke, take, velocity in zip(strokes[1:], takes, velocities, strict=True):
        whole = take.samples.astype(np.float64) * velocity / 127 * 10 ** (-6 / 20)
        # Cut at the next stroke of the group, whole until there.
        kept = min(len(whole), len(stroke.samples) - 220)
        assert np.allclose(stroke.samples[:kept], whole[:kept], atol=1e-12)
        assert stroke.left**2 + stroke.right**2 == pytest.approx(1)
        assert math.degrees(math.atan2(stroke.right, stroke.left)) == pytest.approx(45 * 1.333, abs=0.01)
    sides = render(Pattern({36: line(16, s0=127)}, 60), kit)
    kick = kit.pad_at(36)
    expected = kick.takes[0].samples * 10 ** (kick.gain_db / 20)
    assert np.allclose(sides[0, : len(expected)], expected * math.cos((1 - 0.07) * math.pi / 4), atol=1e-9)


def test_a_closed_hat_silences_an_open_one_and_nothing_else(kit):
    open_hat = kit.pad_at(46).takes[0]
    alone = render(Pattern({46: line(16, s0=127), 36: line(16, s0=127)}, 120), kit)
    choked = render(Pattern({46: line(16, s0=127), 42: line(16, s2=1), 36: line(16, s0=127)}, 120), kit)
    at = 2 * 5512.5
    assert len(open_hat.samples) > at + 2000
    assert np.array_equal(alone[:, : int(at)], choked[:, : int(at)])
    quiet = np.abs(render(Pattern({46: line(16, s0=127), 42: line(16, s2=1)}, 120), kit)[:, int(at) + 222 :]).max()
    assert quiet <= 10 ** (-6 / 20) / 127 and quiet < 0.05 * np.abs(alone[:, int(at) + 222 :]).max()
    # Struck together, both sound until the next stroke of the group.
    both = played(Pattern({46: line(16, s0=127, s8=127), 42: line(16, s0=127)}, 120), kit)
    assert [s.start for s in both] == [0, 0, 44100] and all(len(s.samples) <= 44100 + 221 for s in both[:2])
    # In a loop the first stroke of the next round silences the last.
    looped = played(Pattern({46: line(16, s0=127, s15=127)}, 120), kit, loop=True)
    assert looped[1].start == 82688 and len(looped[1].samples) == 88200 - 82688 + 220


def test_the_wav_is_whole_and_never_clips(kit):
    pattern = Pattern({pad.note: (127,) * 16 for pad in kit.pads}, 200, 0.6)
    data = render_wav(pattern, kit, 2)
    samples, rate = soundfile.read(io.BytesIO(data))
    assert rate == 44100 and samples.shape[1] == 2 and data == render_wav(pattern, kit, 2)
    assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    exact = render(pattern, kit, 2)
    assert np.corrcoef(samples[:, 0], exact[0])[0, 1] > 1 - 1e-9
    loop, _ = soundfile.read(io.BytesIO(render_wav(pattern, kit, tail=False)))
    assert len(loop) == 16 * 15 * 44100 // 200
    folded = render(pattern, kit, tail=False)
    ringing = render(Pattern({36: line(16, s15=127)}, 400), kit, tail=False)
    assert folded.shape == (2, len(loop)) and np.abs(ringing[:, :2000]).max() > 0
    for bad in (0, 65, True, 1.5):
        with pytest.raises(CreativeMLError):
            render(pattern, kit, bad)
