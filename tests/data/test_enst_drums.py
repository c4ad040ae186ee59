"""The ENST-Drums recipe on a corpus of its true layout, synthesised here with strokes at known times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from creativeml.data.recipes.library import load_recipe
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError

RATE = 44100

# (drummer, take, annotated strokes): names as in the corpus, three drummers, hits and what is not hits.
TAKES: list[tuple[str, str, list[tuple[float, str]]]] = [
    ("drummer_1", "001_hits_snare-drum_sticks_x6", [(0.5 + 0.9 * n, "sd") for n in range(6)]),
    ("drummer_1", "002_hits_snare-drum-no-snare_sticks_x5", [(0.4 + 0.8 * n, "sd-") for n in range(5)]),
    ("drummer_1", "005_hits_bass-drum_pedal_x5", [(0.243 + 1.1 * n, "bd") for n in range(5)]),
    ("drummer_1", "006_hits_closed-hi-hat_sticks_x3", [(0.3, "chh"), (0.7, "chh"), (1.4, "chh")]),
    ("drummer_1", "007_hits_pedal-hi-hat-close_pedal_x1", [(0.35, "chh")]),
    ("drummer_1", "010_hits_crash-cymbal_sticks_x2", [(0.2, "cr1"), (2.6, "cr1")]),
    ("drummer_1", "029_hits_cross-sticks_sticks_x4", [(0.2 + 0.5 * n, "cs") for n in range(4)]),
    ("drummer_2", "001_hits_low-tom-1_mallets_x2", [(0.25, "lt"), (1.25, "lt")]),
    ("drummer_2", "003_hits_open-hi-hat_rods_x2", [(0.25, "ohh"), (1.75, "ohh")]),
    ("drummer_2", "008_hits_ride-cymbal-1_sticks_x2", [(0.25, "rc3"), (2.25, "rc3")]),
    ("drummer_2", "013_hits_cowbell_sticks_x2", [(0.25, "cb"), (0.75, "cb")]),
    ("drummer_3", "015_hits_ride-cymbal-2_sticks_x1", [(0.25, "c4")]),
    ("drummer_3", "016_hits_splash-cymbal_sticks_x1", [(0.25, "spl2")]),
    ("drummer_3", "017_hits_unknown-cymbal_sticks_x1", [(0.25, "c2")]),
    ("drummer_3", "018_hits_low-tom_sticks_x3", [(0.2, "ltr"), (0.7, "lft"), (1.2, "lmt")]),
    ("drummer_1", "036_phrase_disco_simple_slow_sticks", [(0.2 * n, "bd") for n in range(1, 12)]),
    ("drummer_2", "107_minus-one_salsa_sticks", [(0.1 * n, "sd") for n in range(1, 12)]),
    ("drummer_3", "096_solo_latin_hands", [(0.3 * n, "mt") for n in range(1, 8)]),
]
KINDS = {
    "sd": "snare", "sd-": "snare", "bd": "kick", "chh": "hat_closed", "ohh": "hat_open", "cs": "rim",
    "cb": "cowbell",
    "lt": "tom", "lft": "tom", "lmt": "tom", "ltr": "perc", "cr1": "crash", "rc3": "ride", "spl2": "crash",
    "c4": "ride", "c2": "crash",
}  # fmt: skip


def recording(onsets: list[float], length_s: float, seed: int) -> np.ndarray:
    """Stereo; each stroke starts with a full-scale sample and rings for half a second."""
    generator = np.random.default_rng(seed)
    sound = np.zeros((int(length_s * RATE), 2))
    for onset in onsets:
        start = round(onset * RATE)
        ring = 0.3 * generator.standard_normal((RATE // 2, 2)) * np.exp(-12 * np.arange(RATE // 2) / RATE)[:, None]
        ring[0] = 0.9
        stop = min(len(sound), start + len(ring))
        sound[start:stop] += ring[: stop - start]
    return np.clip(sound, -1, 1)


def add_take(
    root: Path,
    drummer: str,
    take: str,
    strokes: list[tuple[float, str]],
    mix: str = "dry_mix",
    end: str = "\n",
) -> Path:
    annotation = root / drummer / "annotation" / f"{take}.txt"
    audio = root / drummer / "audio" / mix / f"{take}.wav"
    for path in (annotation, audio):
        path.parent.mkdir(parents=True, exist_ok=True)
    annotation.write_bytes("".join(f"{onset:.6f} {label}{end}" for onset, label in strokes).encode())
    length_s = max(onset for onset, _ in strokes) + 1.5
    soundfile.write(audio, recording([onset for onset, _ in strokes], length_s, len(take)), RATE, subtype="PCM_16")
    return audio


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("enst") / "ENST-drums-public"
    for number, (drummer, take, strokes) in enumerate(TAKES):
        add_take(
            root,
            drummer,
            take,
            strokes,
            mix="wet_mix" if number % 4 == 3 else "dry_mix",
            end="\r\n" if number % 2 else "\n",
        )
        # Single microphones and the accompaniment stand beside the mixes and must not be touched.
        for channel in ("hi-hat", "kick", "snare", "overhead_L", "accompaniment"):
            path = root / drummer / "audio" / channel / f"{take}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, np.ones(10), RATE)
    return root


@pytest.fixture(scope="module")
def recipe() -> Any:
    return load_recipe("enst_drums")


@pytest.fixture(scope="module")
def sounds(corpus: Path, recipe: Any) -> list[SourceSound]:
    return recipe.hits(corpus, lambda line: None)


def test_every_stroke_of_hits_takes_and_of_nothing_else(sounds: list[SourceSound]) -> None:
    expected = {
        (drummer, take, round(onset, 6), label)
        for drummer, take, strokes in TAKES
        for onset, label in strokes
        if "_hits_" in take
    }
    assert len(sounds) == len(expected) == 40
    assert not any(word in str(sound.path) for sound in sounds for word in ("phrase", "solo", "minus-one"))
    assert {sound.path.parent.name for sound in sounds} == {"dry_mix", "wet_mix"}
    assert len({sound.name for sound in sounds}) == len(sounds)


def test_cuts_are_at_the_strokes_and_hold_one_each(sounds: list[SourceSound]) -> None:
    by_take: dict[tuple[str, str], list[SourceSound]] = {}
    for sound in sounds:
        by_take.setdefault((sound.path.parts[-4], sound.path.stem), []).append(sound)
    for drummer, take, strokes in TAKES:
        if "_hits_" not in take:
            continue
        cuts = sorted(by_take[drummer, take], key=lambda sound: sound.start_s or 0)
        audio, _ = soundfile.read(cuts[0].path)
        assert [cut.kind for cut in cuts] == [KINDS[label] for _, label in strokes]
        for index, (cut, (onset, _)) in enumerate(zip(cuts, strokes, strict=True)):
            assert cut.start_s is not None and cut.end_s is not None
            assert onset - 0.02 < cut.start_s < onset
            following = strokes[index + 1][0] if index + 1 < len(strokes) else len(audio) / RATE + 0.02
            assert following - 0.05 < cut.end_s < following
            inside = audio[int(cut.start_s * RATE) : int(cut.end_s * RATE), 0]
            attacks = np.flatnonzero(np.diff(np.abs(inside), prepend=0) > 0.5)
            # One stroke's first sample, and it is the annotated one.
            assert abs(attacks[0] - (onset - cut.start_s) * RATE) <= 1
            assert not np.any(attacks > attacks[0] + 0.1 * RATE)


def test_groups_licence_and_names(sounds: list[SourceSound], recipe: Any) -> None:
    groups = {sound.group for sound in sounds}
    assert len(groups) == sum("_hits_" in take for _, take, _ in TAKES)
    # 001 exists for two drummers; the takes must not be one group.
    assert {g for g in groups if "/001_" in g} == {
        "enst-drums/drummer_1/001_hits_snare-drum_sticks_x6",
        "enst-drums/drummer_2/001_hits_low-tom-1_mallets_x2",
    }
    assert all("research" in sound.licence and sound.licence == recipe.LICENCE for sound in sounds)
    assert all(sound.tier == "" and "Gillet" in sound.credit and sound.source == "enst-drums" for sound in sounds)


def test_what_is_left_out_is_said(tmp_path: Path, recipe: Any) -> None:
    root = tmp_path / "corpus"
    strokes = [
        (0.2, "sd"),
        (0.21, "sd"),  # flam: one hit
        (0.8, "bd"),
        (0.815, "cr2"),  # together: neither
        (1.5, "sweep"),
        (2.0, "gong"),
        (2.5, "sd"),
        (2.56, "sd"),  # the first has 30 ms
    ]
    add_take(root, "drummer_1", "001_hits_mixed_sticks_x8", strokes)
    (root / "drummer_1" / "annotation" / "002_hits_lost_sticks_x1.txt").write_text("0.1 sd\n")
    (root / "drummer_1" / "annotation" / "003_hits_Odd Name.txt").write_text("0.1 sd\n")
    said: list[str] = []
    sounds = recipe.hits(root, said.append)
    assert [(sound.kind, round((sound.start_s or 0) + recipe.LEAD_S, 3)) for sound in sounds] == [
        ("snare", 0.2),
        ("snare", 2.56),
    ]
    text = "\n".join(said)
    for part in (
        "0.800 s (bd): struck together",
        "0.815 s (cr2): struck together",
        "1.500 s (sweep): no single hit",
    ):
        assert part in text
    assert "2.000 s (gong): unknown label" in text and "2.500 s (sd): only 30 ms" in text
    assert "002_hits_lost_sticks_x1: no audio" in text and "003_hits_Odd Name" in text


def test_another_count_than_the_name_tells_is_said(tmp_path: Path, recipe: Any) -> None:
    add_take(tmp_path, "drummer_1", "001_hits_snare-drum_sticks_x6", [(0.5, "sd")])
    said: list[str] = []
    assert len(recipe.hits(tmp_path, said.append)) == 1
    assert any("1 strokes annotated, its name tells 6" in line for line in said)


def test_the_corpus_is_found_by_environment_or_in_the_cache(
    corpus: Path, recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(recipe.LOCATION, raising=False)
    with pytest.raises(CreativeMLError) as caught:
        recipe.fetch(tmp_path, lambda line: None)
    assert recipe.LOCATION in str(caught.value) and "request" in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv(recipe.LOCATION, str(corpus))
    said: list[str] = []
    assert len(recipe.fetch(tmp_path, said.append)) == 40
    assert any("research" in line for line in said)
    monkeypatch.delenv(recipe.LOCATION)
    assert len(recipe.fetch(corpus.parent, lambda line: None)) == 40


def test_other_folders_are_refused_with_the_layout(tmp_path: Path, recipe: Any) -> None:
    (tmp_path / "some" / "wavs").mkdir(parents=True)
    with pytest.raises(CreativeMLError, match=r"not ENST-Drums, which holds drummer_1/annotation"):
        recipe.hits(tmp_path / "some", lambda line: None)
    (tmp_path / "drummer_1" / "annotation").mkdir(parents=True)
    with pytest.raises(CreativeMLError, match="holds no annotated takes"):
        recipe.hits(tmp_path, lambda line: None)


@pytest.mark.parametrize("line", ["half a second sd", "0.5", "-1 sd", "nan sd", "1e9 sd", "0.5 5%"])
def test_unreadable_annotations_are_named_with_their_line(tmp_path: Path, recipe: Any, line: str) -> None:
    add_take(tmp_path, "drummer_1", "001_hits_snare-drum_sticks_x1", [(0.5, "sd")])
    annotation = tmp_path / "drummer_1" / "annotation" / "001_hits_snare-drum_sticks_x1.txt"
    annotation.write_text(f"0.1 sd\n\n{line}\n")
    with pytest.raises(CreativeMLError, match=r"001_hits_snare-drum_sticks_x1\.txt:3"):
        recipe.hits(tmp_path, lambda line: None)


def test_damaged_audio_is_handed_on_for_the_report(tmp_path: Path, recipe: Any) -> None:
    audio = add_take(tmp_path, "drummer_1", "001_hits_snare-drum_sticks_x1", [(0.5, "sd")])
    audio.write_bytes(b"RIFF")
    add_take(tmp_path, "drummer_1", "002_hits_snare-drum_sticks_x1", [(0.5, "sd")])
    bad, good = recipe.hits(tmp_path, lambda line: None)
    assert bad.path == audio and bad.kind is None and bad.start_s is None
    assert good.kind == "snare"
