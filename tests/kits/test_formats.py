"""Every format comes back as the kit that it was, its sounds byte for byte; kits of others are read within bounds."""

import io
import json
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kits import decentsampler, hydrogen, sfz, wav_files
from creativeml.kits.formats import FORMATS, archive_name, format_of, read_kit, save_kit, write_kit
from creativeml.kits.kit import Kit
from creativeml.kits.layout import LAYOUT, make_kit, places, remake_kit
from creativeml.kits.provenance import read_kit_json


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_comes_back_as_it_was(kit, form):
    data = write_kit(kit, form)
    assert data == write_kit(kit, form)
    found = read_kit(data)
    assert found.kit == kit and found.notes == ()
    # And without kit.json, what the format itself can say.
    files = {name: content for name, content in FORMATS[form].files(kit).items() if name != "kit.json"}
    if form == "wav":
        return
    bare = FORMATS[form].read(files, "bare").kit
    for own, read in zip(kit.pads, bare.pads, strict=True):
        assert (own.note, own.gain_db, own.pan, own.choke) == (read.note, read.gain_db, read.pan, read.choke)
        assert own.name == read.name or form == "sfz"
        spans = [[(layer.low, layer.high, [t.data for t in layer.takes]) for layer in p.layers] for p in (own, read)]
        assert spans[0] == spans[1]
    assert bare.licence == kit.licence or form == "decentsampler"


@pytest.mark.parametrize("form", FORMATS)
def test_folders_and_archives_hold_the_same(kit, form, tmp_path):
    folder, packed = tmp_path / "kit", tmp_path / archive_name(kit, form)
    assert set(save_kit(kit, form, folder)) == {p for p in folder.rglob("*") if p.is_file()}
    assert save_kit(kit, form, packed) == [packed] and packed.suffix == FORMATS[form].suffix
    assert read_kit(folder).kit == read_kit(packed).kit == kit
    with pytest.raises(CreativeMLError, match="is there already"):
        save_kit(kit, form, packed)
    save_kit(kit, form, packed, overwrite=True)
    for path in folder.rglob("*.wav"):
        sound = soundfile.info(path)
        assert (sound.subtype, sound.channels, sound.samplerate) == ("PCM_24", 1, 44100)
        assert path.name.isascii() and len(path.name) < 60
    assert (folder / "LICENSE.txt").read_text().startswith("Test Kit 7\nby Ann")
    described = next(iter(folder.glob("*.sfz")), None) or next(iter(folder.glob("*.dspreset")), None)
    assert described is None or read_kit(described).kit == kit


def test_other_people_read_the_wavs_texts(kit):
    files = wav_files.files(kit)
    path = next(name for name in files if name.startswith("46_"))
    with soundfile.SoundFile(io.BytesIO(files[path])) as file:
        assert file.title == "hat_open 2 0" and file.copyright == "CC0-1.0" and "seed=2" in file.comment
    listed = json.loads(files["kit.json"])
    take = listed["pads"][3]["layers"][0]["takes"][0]
    assert (take["file"], take["sha256"]) == (path, sha256_bytes(files[path])) and take["record"]["seed"] == 2
    assert b"a snare.wav" in files["LICENSE.txt"]


def test_what_is_changed_by_hand_counts_and_unknown_sounds_lose_their_origin(kit, recording):
    files = sfz.files(kit)
    name = next(n for n in files if n.endswith(".sfz"))
    files[name] = files[name].replace(b"volume=-6.5", b"volume=-3.25")
    found = sfz.read(files).kit
    assert found.pad_at(46) == replace(kit.pad_at(46), gain_db=-3.25)
    sample = next(n for n in files if "46_" in n)
    files[sample] = files[next(n for n in files if "/38_" in n)]
    found = sfz.read(files)
    take = found.kit.pad_at(46).takes[0]
    assert take.record is None and take.own == "46_Hat_Open_01.wav" and any("another sound" in n for n in found.notes)


def wav(seconds: float, rate: int = 44100, channels: int = 1, subtype: str = "PCM_16", hertz: float = 300) -> bytes:
    times = np.arange(int(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * hertz * times) * np.exp(-20 * times)
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone] * channels, 1), rate, format="WAV", subtype=subtype)
    return file.getvalue()


def test_an_sfz_of_somebody_else():
    text = b"""\xef\xbb\xbf/* a kit <region> sample=no.wav */
#define $KICK 36
<control> default_path=../kit/snd\\
<global> loop_mode=one_shot ampeg_release=2
<master> volume=-2
<group> key=$KICK // kick
<region> sample=kick soft.wav hivel=60
<region> sample=Kick Hard.WAV lovel=70 volume=-5
<group> lokey=c#2 hikey=d2 pitch_keycenter=d2 group=200 off_by=200 pan=150
<region> lorand=0.5 hirand=1 sample=hat2.wav
<region> lorand=0 hirand=0.5 sample=hat1.wav
<region> key=99999 sample=hat1.wav
"""
    names = ("kick soft.wav", "kick hard.wav", "hat1.wav", "hat2.wav")
    files = {f"kit/snd/{n}": wav(0.1, 48000 if "2" in n else 44100, hertz=200 + 50 * i) for i, n in enumerate(names)}
    found = sfz.read({"sub/my.sfz": text, **files}, "foreign")
    kick, hat = found.kit.pads
    assert (kick.note, kick.kind, kick.gain_db, [(x.low, x.high) for x in kick.layers]) == (
        36,
        "kick",
        -2.0,
        [(1, 69), (70, 127)],
    )
    # The layer that was 3 dB quieter than its pad still is.
    peaks = [np.abs(x.takes[0].samples).max() for x in kick.layers]
    assert peaks[1] / peaks[0] == pytest.approx(10 ** (-3 / 20), abs=0.01)
    assert (hat.note, hat.pan, hat.choke, [t.name for t in hat.takes]) == (38, 1.0, 74, ["hat1", "hat2"])
    said = " ".join(found.notes)
    assert all(w in said for w in ("ampeg_release", "48000 to 44100", "notes 37 to 38", "became 1 to 69", "on no note"))


def test_a_preset_of_somebody_else():
    text = b"""<?xml version="1.0"?><DecentSampler><ui><tab/></ui><groups volume="0.5">
    <group tags="hats" silencedByTags="hats" volume="0.5"><sample path="a.wav" rootNote="42" loNote="42" hiNote="42"/>
    <sample path="b.wav" rootNote="46" loVel="64"/></group><group><sample path="a.wav" rootNote="130"/></group>
    </groups><effects><effect type="reverb"/></effects></DecentSampler>"""
    found = decentsampler.read({"x.dspreset": text, "a.wav": wav(0.1, channels=2), "b.wav": wav(0.1, subtype="FLOAT")})
    assert [(p.note, p.choke, p.gain_db) for p in found.kit.pads] == [(42, 1, -6.021), (46, 1, -6.021)]
    assert any("2 channels" in n for n in found.notes) and any("on no note" in n for n in found.notes)


def test_a_drumkit_of_hydrogen_before_layers_had_components():
    layer = "<layer><filename>{}</filename><min>{}</min><max>{}</max><gain>{}</gain><pitch>0</pitch></layer>"
    text = f"""<drumkit_info><name>Old</name><author>Bo</author><info>&lt;b&gt;x</info><license>GPL</license>
    <instrumentList><instrument><id>0</id><name>Kick</name><volume>0.5</volume><gain>2</gain><pan_L>1</pan_L>
    <pan_R>0.25</pan_R><muteGroup>-1</muteGroup>{layer.format("a.wav", 0, 0.5, 1)}{layer.format("b.wav", 0.5, 1, 0.5)}
    </instrument><instrument><id>1</id><name>Empty</name></instrument><instrument><id>2</id><name>HiHat</name>
    <muteGroup>3</muteGroup>{layer.format("c.wav", 0, 1, 1)}{layer.format("a.wav", 0, 1, 1)}</instrument>
    </instrumentList></drumkit_info>""".encode()
    found = hydrogen.read({"Old/drumkit.xml": text, **{f"Old/{n}.wav": wav(0.1) for n in "abc"}})
    kick, hat = found.kit.pads
    assert (kick.note, kick.gain_db, kick.pan, kick.kind) == (36, 0.0, -0.75, "kick")
    assert [(x.low, x.high) for x in kick.layers] == [(1, 63), (64, 127)] and (hat.note, hat.choke) == (38, 3)
    assert [t.name for t in hat.takes] == ["c", "a"] and (found.kit.name, found.kit.licence) == ("Old", "GPL")
    assert any("Empty: plays no sample" in n for n in found.notes)


@pytest.mark.parametrize("name", ["GMRockKit", "TR808EmulationKit"])
def test_kits_that_come_with_hydrogen(name):
    folder = Path("/usr/share/hydrogen/data/drumkits") / name
    if not folder.is_dir():
        pytest.skip("needs the kits of Hydrogen: apt install hydrogen-data")
    found = read_kit(folder)
    space = f"{{{hydrogen.NAMESPACE}}}"
    instruments = ElementTree.parse(folder / "drumkit.xml").iter(f"{space}instrument")
    expected = {(int(e.findtext(f"{space}midiOutNote")), e.findtext(f"{space}name")) for e in instruments}
    assert {(pad.note, pad.name) for pad in found.kit.pads} == expected
    assert {"kick", "snare", "hat_closed", "hat_open"} <= {pad.kind for pad in found.kit.pads}
    for form in FORMATS:
        assert read_kit(write_kit(found.kit, form)).kit == found.kit


def test_a_kit_from_one_seed(drums):
    chosen = ("kick", "hat_closed", "hat_open", "snare:0.7,clap:0.3", "kick")
    kit = make_kit(drums, 3, kinds=chosen, author="Ann")
    assert [(p.note, p.kind) for p in kit.pads] == [
        (36, "kick"),
        (37, "kick"),
        (38, "snare:0.7,clap:0.3"),
        (42, "hat_closed"),
        (46, "hat_open"),
    ]
    assert kit.pad_at(36).takes[0] != kit.pad_at(37).takes[0] and kit.pad_at(42).choke == kit.pad_at(46).choke == 1
    records = [t.record for p in kit.pads for t in p.takes]
    assert {r.seed // 16 for r in records} == {3} and kit.model.sha256 == drums.info.sha256
    entry = read_kit_json(wav_files.files(kit)["kit.json"])
    assert remake_kit(entry, drums) == kit
    with pytest.raises(CreativeMLError, match="is not known"):
        make_kit(drums, 0, kinds=("gong",))
    with pytest.raises(CreativeMLError, match="seed"):
        make_kit(drums, 2**28)


def test_the_layout_has_sixteen_pads_for_any_model(drums, tiny_without_controls):
    assert [p.note for p in LAYOUT] == list(range(36, 52)) and places(drums.kinds) == LAYOUT
    other = places(["gong", "kick", "bell"])
    assert [p.note for p in other] == list(range(36, 52)) and other[0].kind == "kick"
    assert {p.kind for p in other} == {"gong", "kick", "bell"}
    assert [p.kind for p in make_kit(tiny_without_controls, 1, kinds=("gong",)).pads] == ["gong"]


def test_what_is_no_kit_is_told(tmp_path, kit):
    with pytest.raises(CreativeMLError, match="no format of kits"):
        write_kit(kit, "nki")
    with pytest.raises(CreativeMLError, match="cannot be read"):
        read_kit(tmp_path / "nothing.zip")
    with pytest.raises(CreativeMLError, match="not a kit"):
        format_of({"a.txt": b""})
    for form in FORMATS:
        with pytest.raises(CreativeMLError, match=r"holds no|has no"):
            FORMATS[form].read({}, "empty")
    assert isinstance(kit, Kit) and zipfile.is_zipfile(io.BytesIO(write_kit(kit, "sfz")))
    with tarfile.open(fileobj=io.BytesIO(write_kit(kit, "hydrogen"))) as bundle:
        assert {n.split("/")[0] for n in bundle.getnames()} == {"Test_Kit_7"}
    assert struct.unpack("<I", write_kit(kit, "hydrogen")[4:8]) == (0,)
