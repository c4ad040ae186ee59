"""SoundFonts: reading, playing notes, kits and groups, on banks of known content that the tests write."""

from __future__ import annotations

import importlib.util
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.recipes.gus_patch import read_patch
from creativeml.data.recipes.kits import Bank, join_by_parts, kit_sounds, recording_name, sample_sounds
from creativeml.data.recipes.soundfont import SoundFont, read_soundfont
from creativeml.data.recipes.soundfont_voice import render, voices_of
from creativeml.errors import CreativeMLError

_spec = importlib.util.spec_from_file_location("bank_writer", Path(__file__).with_name("bank_writer.py"))
assert _spec is not None and _spec.loader is not None
bank_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bank_writer)

RATE = 44100
PAN, TUNE, ROOT, LOOPS, ATTENUATION, KEYS, VELOCITIES = 17, 51, 58, 54, 48, 43, 44


def tone(hertz: float, seconds: float, level: float = 0.5) -> np.ndarray:
    """int16 sine with a natural decay, as a drum has."""
    time = np.arange(int(seconds * RATE)) / RATE
    return np.round(32767 * level * np.sin(2 * np.pi * hertz * time) * np.exp(-6 * time)).astype(np.int16)


def noise(seconds: float, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(-9000, 9000, int(seconds * RATE)).astype(np.int16)


def keys(low: int, high: int | None = None) -> dict[int, int]:
    return {KEYS: low | (high or low) << 8}


SAMPLES = {
    "Kick": (tone(60, 0.3), 36),
    "Snare(L)": (noise(0.2, 1), 38),
    "Snare(R)": (noise(0.2, 2), 38),
    "Tom": (tone(200, 0.5), 45),
    "Soft Hat": (noise(0.05, 3), 42),
    "Hard Hat": (noise(0.05, 4), 42),
}
ZONES = [
    ("Kick", keys(35, 36) | {ROOT: 36, 56: 0}),  # untuned: both keys sound alike
    ("Snare(L)", keys(38) | {PAN: -500}),
    ("Snare(R)", keys(38) | {PAN: 500}),
    ("Tom", keys(43, 50)),
    ("Soft Hat", keys(42) | {VELOCITIES: 0 | 90 << 8}),
    ("Hard Hat", keys(42) | {VELOCITIES: 91 | 127 << 8}),
]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundFont:
    path = tmp_path_factory.mktemp("banks") / "kit.sf2"
    path.write_bytes(bank_writer.soundfont(SAMPLES, {"Standard": ZONES, "Orchestra": ZONES}))
    return read_soundfont(path)


def play(bank: SoundFont, key: int, velocity: int = 127) -> np.ndarray:
    return render(bank, voices_of(bank, bank.presets[0], key, velocity), key, velocity)


def peak_hertz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    return float(spectrum.argmax() * RATE / (1 << 18))


def test_reads_what_was_written(bank: SoundFont) -> None:
    assert [header.name for header in bank.samples] == list(SAMPLES)
    assert [(preset.name, preset.bank) for preset in bank.presets] == [("Standard", 128), ("Orchestra", 128)]
    for index, (stored, root) in enumerate(SAMPLES.values()):
        assert bank.samples[index].root_key == root
        assert np.array_equal(bank.audio(index), stored.astype(np.float32) / 32768)


def test_reads_24_bits_and_vorbis(tmp_path: Path) -> None:
    low = np.arange(len(SAMPLES["Kick"][0])).astype(np.uint8)
    wide = tmp_path / "wide.sf2"
    wide.write_bytes(bank_writer.soundfont({"Kick": SAMPLES["Kick"]}, {"Kit": ZONES[:1]}, low_bytes={"Kick": low}))
    expected = (SAMPLES["Kick"][0].astype(np.int32) * 256 + low) / 8388608
    assert np.allclose(read_soundfont(wide).audio(0), expected, atol=1e-7)

    small = tmp_path / "small.sf3"
    small.write_bytes(bank_writer.soundfont(SAMPLES, {"Kit": ZONES}, vorbis=True))
    bank = read_soundfont(small)
    for index, (stored, _) in enumerate(SAMPLES.values()):
        assert bank.samples[index].compressed
        decoded = bank.audio(index)
        assert len(decoded) == len(stored)
        assert np.corrcoef(decoded, stored)[0, 1] > 0.8  # the noises lose most


def test_untuned_note_is_the_sample_itself(bank: SoundFont) -> None:
    sound = play(bank, 36)
    stored = SAMPLES["Kick"][0] / 32768
    assert sound.shape == (1, len(stored))
    assert np.allclose(sound[0], 0.5 * stored, atol=1e-6)


def test_keys_tune_velocity_layers_and_channels_are_kept(bank: SoundFont) -> None:
    for key, hertz in ((45, 200.0), (50, 200 * 2 ** (5 / 12)), (43, 200 * 2 ** (-2 / 12))):
        assert peak_hertz(play(bank, key)[0]) == pytest.approx(hertz, rel=0.01)
    left, right = play(bank, 38)
    assert np.corrcoef(left, SAMPLES["Snare(L)"][0])[0, 1] > 0.999
    assert np.corrcoef(right, SAMPLES["Snare(R)"][0])[0, 1] > 0.999
    assert np.corrcoef(play(bank, 42, 60)[0], SAMPLES["Soft Hat"][0])[0, 1] > 0.999
    assert np.corrcoef(play(bank, 42, 100)[0], SAMPLES["Hard Hat"][0])[0, 1] > 0.999
    assert np.abs(play(bank, 45, 64)).max() == pytest.approx(np.abs(play(bank, 45)).max() * (64 / 127) ** 2, rel=1e-3)


def one_zone(tmp_path: Path, sample: np.ndarray, values: dict[int, int], **options: object) -> np.ndarray:
    path = tmp_path / "one.sf2"
    path.write_bytes(bank_writer.soundfont({"One": (sample, 60)}, {"Kit": [("One", keys(60) | values)]}, **options))
    bank = read_soundfont(path)
    return render(bank, voices_of(bank, bank.presets[0], 60, 127), 60, 127)[0]


def test_tuning_up_does_not_fold_the_top_octave_down(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    high = np.round(16000 * np.sin(2 * np.pi * 18000 * time)).astype(np.int16)
    raised = one_zone(tmp_path, high, {TUNE: 7})  # 18 kHz, a fifth up, is beyond 22.05 kHz
    assert np.sqrt(np.mean(raised[1000:-1000] ** 2)) < 0.01 * np.sqrt(np.mean((high / 65536) ** 2))


def test_loop_goes_on_without_a_seam_and_ends(tmp_path: Path) -> None:
    period = 441
    cycle = np.round(16000 * np.sin(2 * np.pi * np.arange(2 * period) / period)).astype(np.int16)
    sound = one_zone(tmp_path, cycle, {LOOPS: 1}, loop=(period, 2 * period))
    assert len(sound) == pytest.approx(6 * RATE, abs=RATE // 10)
    steady = sound[: 5 * RATE]
    expected = 0.5 * 16000 / 32768 * np.sin(2 * np.pi * np.arange(len(steady)) / period)
    assert np.abs(steady - expected).max() < 1e-3
    assert np.abs(sound[-200:]).max() < 0.01


def test_envelope_attenuation_and_filter(tmp_path: Path) -> None:
    flat = np.full(RATE, 16000, dtype=np.int16)
    level = 0.5 * 16000 / 32768
    # Decay of 1 s means 100 dB in 1 s; 1440 is the deepest sustain.
    falling = one_zone(tmp_path, flat, {36: 0, 37: 1440})
    for seconds in (0.1, 0.3, 0.5):
        fallen_db = -20 * np.log10(falling[int(seconds * RATE)] / level)
        assert fallen_db == pytest.approx(100 * seconds, abs=0.1)
    # 100 centibel written are 4 dB heard.
    assert one_zone(tmp_path, flat, {ATTENUATION: 100})[100] == pytest.approx(level * 10 ** (-4 / 20), rel=1e-4)
    # Cutoff 8.176 Hz * 2 ** (8400 / 1200) = 1046.5 Hz: 3 dB down there, 24 dB two octaves above.
    for hertz, expected_db, slack in ((100.0, 0.0, 0.2), (1046.5, -3.0, 0.3), (4186.0, -24.2, 1.0)):
        wave = np.round(16000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.int16)
        passed = one_zone(tmp_path, wave, {8: 8400})[RATE // 2 :]
        gain_db = 20 * np.log10(np.sqrt(np.mean(passed**2)) / (level / np.sqrt(2)))
        assert gain_db == pytest.approx(expected_db, abs=slack)


def test_modulation_envelope_bends_the_pitch(tmp_path: Path) -> None:
    wave = np.round(16000 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)).astype(np.int16)
    # Starts an octave up and falls to the written pitch within half a second (-1200 timecents), sustain 0.
    bent = one_zone(tmp_path, wave, {7: 1200, 28: -1200, 29: 1000})
    assert peak_hertz(bent[:1500]) == pytest.approx(1000, rel=0.06)
    assert peak_hertz(bent[int(0.55 * RATE) :]) == pytest.approx(500, rel=0.01)


def test_kit_takes_each_sound_once_and_groups_by_recording(bank: SoundFont) -> None:
    sounds = kit_sounds([Bank(bank, "test", "CC0-1.0", "A", "nobody")], family="family")
    found = {(sound.name.split("/")[-1], sound.kind, sound.group) for sound in sounds}
    toms = {(f"key{key}-velocity127", "tom", "family/tom") for key in (43, 45, 47, 48, 50)}
    # Keys 44, 46 and 49 lie in the tom's range but are hats and a crash in General MIDI.
    others = {
        ("key44-velocity127", "hat_closed"),
        ("key46-velocity127", "hat_open"),
        ("key49-velocity127", "crash"),
    }
    assert toms <= found
    assert ("key35-velocity127", "kick", "family/kick") in found
    assert not any(name.startswith("key36") for name, _, _ in found)  # the same sound as key 35
    assert ("key38-velocity127", "snare", "family/snare") in found
    hats = {(name, group) for name, kind, group in found if name.startswith("key42")}
    assert hats == {("key42-velocity127", "family/hard hat"), ("key42-velocity063", "family/soft hat")}
    assert others <= {(name, kind) for name, kind, _ in found}
    assert all(sound.name.startswith("test/000-Standard/") for sound in sounds)  # the orchestra is left out
    snare = next(sound for sound in sounds if "key38" in sound.name)
    assert callable(snare.samples) and snare.samples().shape[0] == 2
    assert snare.sample_rate == RATE


def test_stored_samples_by_name(bank: SoundFont) -> None:
    chosen = sample_sounds(
        Bank(bank, "raw", "CC0-1.0", "A", ""), lambda name: ("kick", "raw/k") if name == "Kick" else None
    )
    assert [(sound.kind, sound.group, sound.name) for sound in chosen] == [("kick", "raw/k", "raw/Kick")]
    read = chosen[0].samples
    assert callable(read) and np.array_equal(read(), SAMPLES["Kick"][0].astype(np.float32) / 32768)


@pytest.mark.parametrize(
    ("left", "right"),
    [("Std Snr 1(L)", "Std Snr 1(R)"), ("Ride L", "Ride R"), ("Crash_left", "CRASH-Right"), ("Tom", "tom ")],
)
def test_channels_are_one_recording(left: str, right: str) -> None:
    assert recording_name(left) == recording_name(right)


def test_different_recordings_stay_apart() -> None:
    names = ["Std Snr 1(L)", "Std Snr 2(L)", "Tom Low", "Tom Hi", "Bell", "Ride Bell", "Snare"]
    assert len({recording_name(name) for name in names}) == len(names)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=12))
def test_joining_is_an_equivalence(parts: list[list[str]]) -> None:
    names = join_by_parts(parts)
    for mine, name in zip(parts, names, strict=True):
        for others, other in zip(parts, names, strict=True):
            if set(mine) & set(others):
                assert name == other
    # Not coarser than need be: every set is connected through shared parts.
    for name in set(names):
        members = [set(p) for p, n in zip(parts, names, strict=True) if n == name]
        reached, rest = members[0], members[1:]
        while any(reached & part for part in rest):
            joined = [part for part in rest if reached & part]
            rest = [part for part in rest if not reached & part]
            reached = reached.union(*joined)
        assert not rest


def test_bad_files_are_named(tmp_path: Path) -> None:
    good = bank_writer.soundfont(SAMPLES, {"Standard": ZONES})
    cases = {
        "empty.sf2": b"",
        "text.sf2": b"not a bank at all",
        "half.sf2": good[: len(good) // 2],
        "wave.sf2": wave(),
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CreativeMLError, match=name):
            read_soundfont(tmp_path / name)
    with pytest.raises(CreativeMLError, match=r"absent\.sf2"):
        read_soundfont(tmp_path / "absent.sf2")


def wave() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(100), RATE, format="WAV")
    return buffer.getvalue()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_banks_raise_nothing_but_our_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(bank_writer.soundfont({"Kick": (SAMPLES["Kick"][0][:300], 36)}, {"Kit": ZONES[:1]}))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "bank.sf2"
    path.write_bytes(bytes(content[: data.draw(st.integers(20, len(content)))]))
    try:
        with read_soundfont(path) as bank:
            for preset in bank.presets:
                voices = voices_of(bank, preset, 36, 127)
                render(bank, voices, 36, 127, longest_s=0.1)
    except CreativeMLError as error:
        assert str(path) in str(error)


def test_gravis_patch(tmp_path: Path) -> None:
    stored = SAMPLES["Kick"][0]
    path = tmp_path / "036_Kick.pat"
    path.write_bytes(bank_writer.gravis_patch(stored, 32000))
    patch = read_patch(path)
    assert patch.sample_rate == 32000
    assert np.array_equal(patch.samples, stored.astype(np.float32) / 32768)
    unsigned = (stored.astype(np.int32) // 256 + 128).astype(np.uint8)
    path.write_bytes(bank_writer.gravis_patch(unsigned, 22050, modes=2))
    assert np.allclose(read_patch(path).samples, (unsigned.astype(np.float32) - 128) / 128)
    path.write_bytes(bank_writer.gravis_patch(stored, 32000)[:-10])
    with pytest.raises(CreativeMLError, match=r"036_Kick\.pat: truncated"):
        read_patch(path)
    path.write_bytes(struct.pack("<4s", b"RIFF") * 100)
    with pytest.raises(CreativeMLError, match="not a Gravis"):
        read_patch(path)
