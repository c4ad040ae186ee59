"""Every recipe from package to sounds, on small packages of the real layout that the tests make."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from creativeml.data.recipes.hydrogen import Kit, kit_files, read_drumkit
from creativeml.data.recipes.library import load_recipe, recipe_names
from creativeml.data.recipes.naming import drum_of_file, kind_of_name
from creativeml.data.recipes.sonic_pi import kind_of_sample, read_credits
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder
from creativeml.kinds import KINDS

_spec = importlib.util.spec_from_file_location("bank_writer", Path(__file__).with_name("bank_writer.py"))
assert _spec is not None and _spec.loader is not None
bank_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bank_writer)

RATE = 44100
KIT = "usr/share/hydrogen/data/drumkits/"
BANKS = "usr/share/sounds/sf2/"


def audio(seed: int, format: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 800)
    soundfile.write(buffer, noise, RATE, format=format, subtype=subtype)
    return buffer.getvalue()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, 600).astype(np.int16)


def bank(names: list[str], zones: list[tuple[str, dict[int, int]]], presets: tuple[str, ...] = ("Standard",)) -> bytes:
    samples = {name: (noise(seed), 60) for seed, name in enumerate(names)}
    return bank_writer.soundfont(samples, dict.fromkeys(presets, zones))


def on(key: int) -> dict[int, int]:
    return {43: key | key << 8, 56: 0}


def drumkit(instruments: dict[str, list[str]]) -> bytes:
    text = '<?xml version="1.0"?>\n<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><instrumentList>'
    for name, files in instruments.items():
        layers = "".join(f"<layer><filename>{file}</filename></layer>" for file in files)
        # Older kits hold layers directly, newer ones inside a component.
        inside = layers if len(files) == 1 else f"<instrumentComponent>{layers}</instrumentComponent>"
        text += f"<instrument><id>0</id><name>{name}</name>{inside}</instrument>"
    return (text + "</instrumentList></drumkit_info>").encode()


def packages() -> dict[str, bytes]:
    """Archive name -> content, for every package that the recipes name."""
    sonic = "usr/share/sonic-pi/samples/"
    credits = b"* `:bd_808` - http://freesound.org/people/EKVelika/sounds/208447/\n* `:glitch_perc_1` - "
    credits += b"https://freesound.org/people/hullum/sounds/415548/\n* `tbd_perc_hat` - Donated by The Black Dog\n"
    sonic_names = (
        "bd_808",
        "drum_tom_hi_hard",
        "drum_tom_hi_soft",
        "hat_len",
        "glitch_perc1",
        "loop_amen",
        "perc_swash",
    )
    flacs = {name: audio(index, "FLAC") for index, name in enumerate(sonic_names)}
    kits = {
        f"{KIT}Audiophob/drumkit.xml": drumkit(
            {"Kick": ["86335__zgump__tom-0105.wav"], "Pedal HH": ["156272__dayvonjersen__fxshake5.wav"]}
        ),
        f"{KIT}Audiophob/86335__zgump__tom-0105.wav": audio(20),
        f"{KIT}Audiophob/156272__dayvonjersen__fxshake5.wav": audio(21),
        f"{KIT}rumpf_kit_z01_h2/drumkit.xml": drumkit({"low tom": ["beats_08-17.flac"], "snare": ["beats_01-21.flac"]}),
        f"{KIT}rumpf_kit_z01_h2/beats_08-17.flac": audio(22, "FLAC", "PCM_24"),
        f"{KIT}rumpf_kit_z01_h2/beats_01-21.flac": audio(23, "FLAC"),
        f"{KIT}BJA_Pacific/drumkit.xml": drumkit(
            {"Hi Hat Opened": ["HH2_01.aiff", "HH2_02.aiff"], "Roll": ["SN3_01.aiff"]}
        ),
        **{f"{KIT}BJA_Pacific/{name}.aiff": audio(24, "AIFF") for name in ("HH2_01", "HH2_02", "SN3_01")},
        f"{KIT}The Black Pearl 1.0/drumkit.xml": drumkit({"Pearl Snare Rimshot": ["PearlSnareRimshot-Hard.wav"]}),
        f"{KIT}The Black Pearl 1.0/PearlSnareRimshot-Hard.wav": audio(25),
    }
    fluid = bank(["Std Kick(L)", "Std Kick(R)"], [("Std Kick(L)", on(36)), ("Std Kick(R)", on(36))])
    drumline = [
        "Std Kick",
        "MBass-2 hit 2",
        "MBass-2 hit 3",
        "MSnr-rim 1",
        "MBass-2 rim 4",
        "MTnr-sp1 rim 2",
        "MSnr-backstick 2",
        "MTnr-mallet click 4",
        "MTnr-1 roll F",
        "MCym1 crash pp2",
    ]
    musescore = bank(drumline, [("Std Kick", on(36))], ("Standard", "Marching Snare"))
    small = bank_writer.soundfont({"Std Kick": (noise(7), 60)}, {"Standard": [("Std Kick", on(36))]}, vorbis=True)
    avl_names = [
        "36-Kick-01",
        "36-Kick-02",
        "43-FloorEdge-01",
        "50-Crash1Choke-01",
        "45-CongaSm-L-01",
        "47-CongaSm-R-01",
        "51-RideTip-01",
        "59-RideShank-01",
    ]
    debian: dict[str, dict[str, bytes]] = {
        "sonic-pi-samples": {f"{sonic}{name}.flac": data for name, data in flacs.items()}
        | {f"{sonic}README.md": credits},
        "hydrogen-drumkits": kits,
        "hydrogen-data": {f"{KIT}TR808EmulationKit/drumkit.xml": drumkit({"Clap": ["808_Clap.flac"]})}
        | {f"{KIT}TR808EmulationKit/808_Clap.flac": audio(26, "FLAC")},
        "fluid-soundfont-gm": {f"{BANKS}FluidR3_GM.sf2": fluid},
        "musescore-general-soundfont-lossless": {f"{BANKS}MuseScore_General_Full.sf2": musescore},
        "fluidr3mono-gm-soundfont": {"usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3": small},
        "opl3-soundfont": {f"{BANKS}OPL-3_FM_128M.sf2": bank(["128_01"], [("128_01", on(49))], ("128",))},
        "avldrums.lv2-soundfont": {
            f"{BANKS}{kit}_LV2.sf2": bank(avl_names, []) for kit in ("Blonde_Bop", "Blonde_Bop_HR")
        },
        "timgm6mb-soundfont": {f"{BANKS}TimGM6mb.sf2": fluid},
        "denemo-data": {f"{BANKS}A320U.sf2": fluid},
        "minuet-data": {"usr/share/minuet/soundfonts/GeneralUser-v1.47.sf2": fluid},
        "csound-soundfont": {f"{BANKS}sf_GMbank.sf2": fluid},
        "freepats": {
            f"usr/share/midi/freepats/Drum_000/{name}.pat": bank_writer.gravis_patch(noise(8), 22050)
            for name in ("036_Kick_2", "071_Whistle_1")
        },
    }
    archives = {f"{name}_1_all.deb": bank_writer.debian_package(files, name) for name, files in debian.items()}
    drums = "package/src/extensions/scratch3_music/assets/drums/"
    foxdot = {f"foxdot-9/FoxDot/snd/{folder}/0.wav": audio(30) for folder in foxdot_folders()}
    supersonic = {f"package/samples/{name}.flac": data for name, data in flacs.items()}
    supersonic |= {"package/samples/tbd_perc_hat.flac": audio(31, "FLAC"), "package/PROVENANCE.md": credits}
    archives["supersonic-scsynth-samples-9.tgz"] = bank_writer.tarball(supersonic)
    archives["scratch-audio-9.tgz"] = bank_writer.tarball({"package/sound-files/drums/Clap(1)_22k.wav": audio(32)})
    archives["scratch-vm-9.tgz"] = bank_writer.tarball(
        {f"{drums}5-open-hi-hat.mp3": audio(33, "MP3", "MPEG_LAYER_III")}
    )
    archives["foxdot-9.tar.gz"] = bank_writer.tarball(foxdot)
    return archives


def foxdot_folders() -> list[str]:
    return [folder for folders in load_recipe("research_only")._FOXDOT_FOLDERS.values() for folder in folders]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "archives").mkdir()
    for name, content in packages().items():
        (folder / "archives" / name).write_bytes(content)
    return folder


def fetch(name: str, cache: Path) -> list[SourceSound]:
    sounds = load_recipe(name).fetch(cache, lambda line: None)
    check(sounds)
    return sounds


def check(sounds: list[SourceSound]) -> None:
    """What holds for the sounds of every recipe."""
    assert sounds
    assert len({(sound.source, sound.name) for sound in sounds}) == len(sounds)
    for sound in sounds:
        assert sound.kind is None or sound.kind in KINDS
        assert sound.licence and sound.credit and sound.source and "/" in sound.group
        assert sound.path.is_file()
        if callable(sound.samples):
            samples = sound.samples()
            assert samples.size and np.isfinite(samples).all() and sound.sample_rate
        else:
            assert soundfile.info(str(sound.path)).frames


def facts(sounds: list[SourceSound]) -> set[tuple[str, str | None, str, str]]:
    return {(sound.name, sound.kind, sound.group, sound.tier) for sound in sounds}


def test_every_folder_with_a_recipe_has_a_licence_and_a_readme() -> None:
    names = recipe_names()
    assert {
        "starter",
        "sonic_pi_samples",
        "hydrogen_drumkits",
        "avldrums",
        "fluid_soundfont",
        "enst_drums",
    } <= set(names)
    for name in names:
        recipe = load_recipe(name)
        assert recipe.NAME and recipe.LICENCE and callable(recipe.fetch)
        folder = project_folder("datasets") / name
        assert "licence" in (folder / "README.md").read_text(encoding="utf-8").lower()
        assert not (folder / "__init__.py").exists()


@pytest.mark.parametrize("name", ["nothing", "../starter", "", "starter/prepare"])
def test_unknown_recipe_lists_the_known_ones(name: str) -> None:
    with pytest.raises(CreativeMLError, match=r"no recipe .*sonic_pi_samples"):
        load_recipe(name)


def test_file_that_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "prepare.py").write_text("NAME = 'mine'\n")
    assert recipe_names(tmp_path) == ("mine",)
    with pytest.raises(CreativeMLError, match=r"not a recipe \(it lacks LICENCE, fetch\)"):
        load_recipe("mine", tmp_path)


def test_sonic_pi_and_its_npm_twin_share_groups(cache: Path) -> None:
    debian, npm = fetch("sonic_pi_samples", cache), fetch("supersonic_samples", cache)
    assert facts(debian) == {
        ("sonic-pi-samples/bd_808.flac", "kick", "sonic-pi/bd_808", "A"),
        ("sonic-pi-samples/drum_tom_hi_hard.flac", "tom", "sonic-pi/drum_tom_hi", "A"),
        ("sonic-pi-samples/drum_tom_hi_soft.flac", "tom", "sonic-pi/drum_tom_hi", "A"),
        ("sonic-pi-samples/hat_len.flac", "hat_open", "sonic-pi/hat_len", "A"),
        ("sonic-pi-samples/glitch_perc1.flac", "perc", "sonic-pi/glitch_perc1", "A"),
    }
    credits = {sound.path.stem: sound.credit for sound in npm}
    assert credits["bd_808"] == "EKVelika, freesound.org sound 208447"
    assert credits["glitch_perc1"] == "hullum, freesound.org sound 415548"
    assert credits["tbd_perc_hat"] == "The Black Dog"
    assert {sound.group for sound in debian} < {sound.group for sound in npm}


def test_hydrogen_kits_by_licence(cache: Path) -> None:
    source = "hydrogen-drumkits"
    found = facts(fetch("hydrogen_drumkits", cache))
    rumpf, bja = f"{source}-rumpf_kit_z01_h2", f"{source}-BJA_Pacific"
    assert {(name, kind, tier) for name, kind, _, tier in found} == {
        (f"{source}-Audiophob/86335__zgump__tom-0105.wav", "kick", "A"),
        (f"{source}-Audiophob/156272__dayvonjersen__fxshake5.wav", "perc", "A"),
        (f"{rumpf}/beats_08-17.flac", None, "A"),
        (f"{rumpf}/beats_01-21.flac", "snare", "A"),
        (f"{bja}/HH2_01.aiff", "hat_open", "S"),
        (f"{bja}/HH2_02.aiff", "hat_open", "S"),
        (f"{source}-TheBlackPearl10/PearlSnareRimshot-Hard.wav", "snare", "G"),
        ("hydrogen-data-TR808EmulationKit/808_Clap.flac", "clap", "G"),
    }
    assert len({group for name, _, group, _ in found if "HH2" in name}) == 1


def test_instruments_that_share_files_are_one_drum(tmp_path: Path) -> None:
    files = {"tom_01.wav": 1, "tom_02.wav": 2, "floor_01.wav": 3, "snare.wav": 4, "note.txt": 5}
    for name, seed in files.items():
        (tmp_path / name).write_bytes(audio(seed))
    players = {"Tom Mid": ["tom_01.wav"], "Tom Hi": ["tom_01.wav", "tom_02.wav"], "Tom Low": ["floor_01.wav"]}
    (tmp_path / "drumkit.xml").write_bytes(drumkit(players))
    assert read_drumkit(tmp_path)["tom_01.wav"] == ["Tom Mid", "Tom Hi"]
    groups = {s.path.name: s.group for s in kit_files(tmp_path, Kit("k", "CC0-1.0", "A", ""), "k")}
    assert set(groups) == {"tom_01.wav", "tom_02.wav", "floor_01.wav", "snare.wav"}
    assert groups["tom_01.wav"] == groups["tom_02.wav"] != groups["floor_01.wav"]


@pytest.mark.parametrize(
    "text",
    [b"", b"<drumkit", b'<!DOCTYPE a [<!ENTITY b "c">]><drumkit_info/>', None],
    ids=["empty", "cut", "bomb", "none"],
)
def test_broken_drumkit_is_named(tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        (tmp_path / "drumkit.xml").write_bytes(text)
    with pytest.raises(CreativeMLError, match=str(tmp_path.name)):
        read_drumkit(tmp_path)


def test_fluid_family_is_grouped_across_banks(cache: Path) -> None:
    sounds = fetch("fluid_soundfont", cache)
    kicks = {sound.source: sound.group for sound in sounds if "key36" in sound.name}
    assert set(kicks) == {"fluidr3", "musescore", "fluidr3mono"}
    assert set(kicks.values()) == {"fluid-family/std kick"}
    drumline = {(sound.name, sound.kind, sound.group) for sound in sounds if sound.source == "musescore-mdl"}
    assert drumline == {
        ("musescore-mdl/MBass-2 hit 2", "kick", "musescore-drumline/MBass-2_hit"),
        ("musescore-mdl/MBass-2 hit 3", "kick", "musescore-drumline/MBass-2_hit"),
        ("musescore-mdl/MSnr-rim 1", "rim", "musescore-drumline/MSnr-rim"),
        ("musescore-mdl/MBass-2 rim 4", "rim", "musescore-drumline/MBass-2_rim"),
        ("musescore-mdl/MTnr-sp1 rim 2", "rim", "musescore-drumline/MTnr-sp1_rim"),
        ("musescore-mdl/MSnr-backstick 2", "snare", "musescore-drumline/MSnr-backstick"),
        ("musescore-mdl/MTnr-mallet click 4", "perc", "musescore-drumline/MTnr-mallet_click"),
        ("musescore-mdl/MCym1 crash pp2", "crash", "musescore-drumline/MCym1_crash"),
    }
    assert {sound.licence for sound in sounds if sound.source == "musescore-mdl"} == {"CC0-1.0"}


def test_avl_kits_that_share_drums_share_groups(cache: Path) -> None:
    found = facts(fetch("avldrums", cache))
    for kit in ("Blonde_Bop", "Blonde_Bop_HR"):
        mine = {(name.split("/")[1], kind, group) for name, kind, group, _ in found if name.startswith(f"avl-{kit}/")}
        assert mine == {
            ("36-Kick-01", "kick", "avldrums/Blonde_Bop/36"),
            ("36-Kick-02", "kick", "avldrums/Blonde_Bop/36"),
            ("43-FloorEdge-01", "tom", "avldrums/Blonde_Bop/43"),
            ("45-CongaSm-L-01", "perc", "avldrums/Blonde_Bop/45"),
            ("47-CongaSm-R-01", "perc", "avldrums/Blonde_Bop/45"),
            ("51-RideTip-01", "ride", "avldrums/Blonde_Bop/51"),
            ("59-RideShank-01", "crash", "avldrums/Blonde_Bop/59"),
        }


def test_scratch_and_opl3(cache: Path) -> None:
    assert {(sound.path.name, sound.kind) for sound in fetch("scratch", cache)} == {
        ("Clap(1)_22k.wav", "clap"),
        ("5-open-hi-hat.mp3", "hat_open"),
    }
    assert {(sound.kind, sound.tier) for sound in fetch("opl3_soundfont", cache)} == {("crash", "S")}


def test_research_only_asks_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREATIVEML_RESEARCH_ONLY", raising=False)
    with pytest.raises(CreativeMLError, match=r"must not be shipped.*CREATIVEML_RESEARCH_ONLY=yes"):
        load_recipe("research_only").fetch(cache, lambda line: None)
    monkeypatch.setenv("CREATIVEML_RESEARCH_ONLY", "yes")
    sounds = fetch("research_only", cache)
    assert {sound.tier for sound in sounds} == {"G"}
    assert {sound.source for sound in sounds} == {
        "timgm6mb",
        "a320u",
        "generaluser",
        "csoundgm",
        "freepats",
        "foxdot",
    }
    assert [sound.name for sound in sounds if sound.source == "freepats"] == ["freepats/036_Kick_2.pat"]


def test_open_drums_is_everything_open_and_nothing_else(cache: Path) -> None:
    said: list[str] = []
    sounds = load_recipe("open_drums").fetch(cache, said.append)
    check(sounds)
    assert {sound.tier for sound in sounds} == {"A", "S"}
    assert not [sound for sound in sounds if "GPL" in sound.licence]
    parts = (
        "sonic_pi_samples",
        "supersonic_samples",
        "scratch",
        "fluid_soundfont",
        "avldrums",
        "opl3_soundfont",
    )
    assert len(sounds) == sum(len(fetch(part, cache)) for part in parts) + 6  # six of Hydrogen's are open
    assert any("hydrogen_drumkits: 6 sounds, 2 of other licences left out" in line for line in said)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Hard_CHH_01", "hat_closed"),
        ("PowR_BD_1", "kick"),
        ("openhat2", "hat_open"),
        ("EE_Hat_Op_Dirty", "hat_open"),
        ("closehihat3", "hat_closed"),
        ("SideStick-Hard", "rim"),
        ("Snare 2 Rimshot", "snare"),
        ("Crash/Ride Bell (Paiste 18)", "ride"),
        ("EE_Kick_Stomp", "kick"),
        ("floortom_02", "tom"),
        ("FloorEdge", "tom"),
        ("cra_Rock_a", "crash"),
        ("GuiroShort(1)_22k", "perc"),
        ("Snare Roll", None),
        ("yFX_8", None),
        ("emptySample", None),
        ("beats_01-10", None),
    ],
)
def test_names_of_the_packs(name: str, kind: str | None) -> None:
    assert kind_of_name(name) == kind


def test_layers_do_not_name_drums() -> None:
    assert {drum_of_file(name) for name in ("Tom1-Hard", "Tom1-Softest", "Tom1_3")} == {"Tom1"}
    assert drum_of_file("07") == "07"


@pytest.mark.parametrize(
    "name", ["loop_amen", "ambi_choir", "elec_blip", "perc_swoosh", "drum_roll", "guit_em9", "tbd_pad_1"]
)
def test_what_is_no_hit_is_left_out(name: str) -> None:
    assert kind_of_sample(name) is None


def test_missing_credits_are_no_error(tmp_path: Path) -> None:
    assert read_credits(tmp_path / "README.md") == {}


def test_starter_pack_is_whole_small_and_public_domain() -> None:
    recipe: Any = load_recipe("starter")
    sounds = recipe.fetch(Path("unused"), lambda line: None)
    check(sounds)
    assert len(sounds) >= 150
    assert {sound.kind for sound in sounds} == set(KINDS)
    assert {(sound.licence, sound.tier) for sound in sounds} == {("CC0-1.0", "A")}
    folder = project_folder("datasets") / "starter"
    files = [path for path in folder.rglob("*.flac")]
    assert {sound.path for sound in sounds} == set(files)
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert len({sound.group for sound in sounds}) > 100


def test_starter_pack_that_lost_a_file_says_so(tmp_path: Path) -> None:
    source = project_folder("datasets") / "starter"
    copy = tmp_path / "starter"
    copy.mkdir()
    for name in ("prepare.py", "manifest.csv"):
        (copy / name).write_bytes((source / name).read_bytes())
    with pytest.raises(CreativeMLError, match=r"lacks 192 sounds, first clap/"):
        load_recipe("starter", tmp_path).fetch(tmp_path, lambda line: None)
    (copy / "manifest.csv").unlink()
    with pytest.raises(CreativeMLError, match="incomplete"):
        load_recipe("starter", tmp_path).fetch(tmp_path, lambda line: None)
