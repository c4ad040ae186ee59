"""Real hosts play the exports: the right sound for every note and velocity, at the right level, takes in turn, chokes.

Hydrogen comes with Debian (`apt install hydrogen libxml2-utils`); LiquidSFZ is a library of its own
(liquidsfz in many distributions, or built from its source) and a compiler. What is not there is skipped.
"""

import io
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from creativeml.kits import hydrogen
from creativeml.kits.formats import FORMATS, save_kit
from creativeml.kits.kit import Kit, Take, level_of
from creativeml.kits.layout import make_kit

XSD = Path("/usr/share/hydrogen/data/xsd/drumkit.xsd")
RATE = 44100
GAP = 2 * RATE
TICKS = 48
"""Of a quarter note in Hydrogen's songs."""


@pytest.fixture(scope="session")
def whole_kit(drums) -> Kit:
    """All sixteen pads."""
    return make_kit(drums, 2, name="Whole Kit")


@pytest.fixture(scope="session")
def sfz_host(tmp_path_factory):
    """Plays strokes (sample, note, velocity) with LiquidSFZ: `(2, frames)`."""
    compiler, config = shutil.which("c++"), shutil.which("pkg-config")
    environment = {**os.environ, "PKG_CONFIG_PATH": "/usr/local/lib/pkgconfig:" + os.environ.get("PKG_CONFIG_PATH", "")}
    found = config and subprocess.run([config, "--exists", "liquidsfz"], env=environment, check=False).returncode == 0
    if not compiler or not found:
        pytest.skip("needs the sampler library liquidsfz, pkg-config and a C++ compiler")
    flags = subprocess.run(
        [config, "--cflags", "--libs", "liquidsfz"], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    program = tmp_path_factory.mktemp("host") / "render"
    source = Path(__file__).with_name("liquidsfz_render.cc")
    subprocess.run([compiler, "-O1", "-o", str(program), str(source), *flags], check=True, timeout=120)

    def play(sfz: Path, strokes: list[tuple[int, int, int]], frames: int) -> np.ndarray:
        lines = "".join(f"{at} {note} {velocity}\n" for at, note, velocity in strokes)
        command = [str(program), str(sfz), str(RATE), str(frames)]
        done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True, timeout=60)
        return np.frombuffer(done.stdout, np.float32).reshape(-1, 2).T.astype(np.float64)

    return play


def heard(part: np.ndarray, take: Take) -> tuple[float, float]:
    """Correlation of what a host plays with a take (at the best of a few samples' delay), and its gain."""
    sound = take.samples.astype(np.float64)[: len(part) - 8]
    found = []
    for delay in range(8):
        window = part[delay : delay + len(sound)]
        found.append((window @ sound / max(1e-12, np.linalg.norm(window) * np.linalg.norm(sound)), window, delay))
    best, window, _ = max(found, key=lambda f: f[0])
    return float(best), float(window @ sound / (sound @ sound))


def of_pads(kit: Kit) -> list[tuple[int, int, Take]]:
    """A stroke in each layer, as often as it has takes: (note, velocity, the take that must sound)."""
    return [
        (pad.note, (layer.low + layer.high) // 2, take)
        for pad in kit.pads
        for layer in pad.layers
        for take in layer.takes
    ]


def test_liquidsfz_plays_every_note_velocity_and_take(kit, whole_kit, sfz_host, tmp_path):
    for own in (kit, whole_kit):
        folder = tmp_path / own.name
        save_kit(own, "sfz", folder)
        wanted = of_pads(own)
        strokes = [(i * GAP, note, velocity) for i, (note, velocity, _) in enumerate(wanted)]
        sides = sfz_host(next(folder.glob("*.sfz")), strokes, len(wanted) * GAP)
        levels = {}
        for i, (note, velocity, take) in enumerate(wanted):
            pad = own.pad_at(note)
            part = sides[:, i * GAP : (i + 1) * GAP]
            left, right = heard(part[0], take), heard(part[1], take)
            assert min(left[0], right[0]) > 0.9999, (note, velocity, left, right)
            gain = np.hypot(left[1], right[1]) / level_of(velocity) / 10 ** (pad.gain_db / 20)
            levels[note, velocity] = gain
            rivals = [t for n, _, t in wanted if t.data != take.data]
            assert max(heard(part[0], t)[0] for t in rivals) < left[0]
            angle = np.degrees(np.arctan2(right[1], left[1]))
            assert angle == pytest.approx(45 * (1 + pad.pan), abs=0.6)
        # The same law of velocities for all: relative to each other the levels are those of the kit.
        assert max(levels.values()) / min(levels.values()) < 1.01, levels


def test_liquidsfz_gets_louder_with_every_velocity(kit, sfz_host, tmp_path):
    save_kit(kit, "sfz", tmp_path / "kit")
    strokes = [(i * GAP, 38, i + 1) for i in range(127)]
    sides = sfz_host(next((tmp_path / "kit").glob("*.sfz")), strokes, 127 * GAP)
    energies = [np.square(sides[:, i * GAP : (i + 1) * GAP]).sum() for i in range(127)]
    assert np.all(np.diff(energies) > 0)
    # From one step to the next no jump: at 1 and 2 by a factor of two, where layers meet by what they differ.
    steps = 10 * np.log10(np.array(energies[1:]) / energies[:-1])
    assert steps[8:].max() < 6


def test_liquidsfz_chokes_the_open_hat(kit, sfz_host, tmp_path):
    save_kit(kit, "sfz", tmp_path / "kit")
    path = next((tmp_path / "kit").glob("*.sfz"))
    alone = sfz_host(path, [(0, 46, 127)], RATE)
    choked = sfz_host(path, [(0, 46, 127), (RATE // 8, 42, 1)], RATE)
    begin, end = RATE // 8, RATE // 8 + RATE // 20
    assert np.allclose(alone[:, :begin], choked[:, :begin], atol=1e-6)
    # After 50 ms what is left is the other stroke, 42 dB down.
    assert np.square(choked[:, end:]).sum() < 0.01 * np.square(alone[:, end:]).sum()


@pytest.mark.skipif(not XSD.is_file() or not shutil.which("xmllint"), reason="needs hydrogen-data and libxml2-utils")
def test_the_drumkit_is_valid_by_hydrogens_own_schema(kit, whole_kit, tmp_path):
    for own in (kit, whole_kit):
        path = tmp_path / "drumkit.xml"
        path.write_bytes(hydrogen.drumkit_xml(own))
        done = subprocess.run(
            ["xmllint", "--noout", "--nonet", "--schema", str(XSD), str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # And it is the schema that says so: it refuses a kit without its licence.
        path.write_bytes(path.read_bytes().replace(b"<license>", b"<licence>").replace(b"</license>", b"</licence>"))
        assert subprocess.run(
            ["xmllint", "--noout", "--schema", XSD, path], capture_output=True, check=False
        ).returncode


needs_hydrogen = pytest.mark.skipif(not shutil.which("h2cli"), reason="needs Hydrogen: apt install hydrogen")


def h2cli(home: Path, *arguments: str | Path) -> str:
    environment = {**os.environ, "HOME": str(home), "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(home)}
    command = ["h2cli", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(kit, tmp_path_factory) -> Path:
    """A home folder in which Hydrogen has checked and installed the kit."""
    home = tmp_path_factory.mktemp("hydrogen")
    path = home / "kit.h2drumkit"
    save_kit(kit, "hydrogen", path)
    assert "is valid" in h2cli(home, "-c", path)
    h2cli(home, "-i", path)
    return home


@needs_hydrogen
def test_hydrogen_checks_and_installs_the_archive(kit, home):
    installed = next(home.rglob("Test_Kit_7/drumkit.xml")).parent
    assert {p.name for p in installed.iterdir()} == set(FORMATS["hydrogen"].files(kit))


def song(kit: Kit, strokes: list[tuple[int, int, int]], ticks: int) -> bytes:
    """A song of Hydrogen with the kit's instruments and one pattern of strokes (tick, note, velocity), at 120 bpm."""
    root = ElementTree.Element("song")
    for name, text in {
        "version": "1.2.0",
        "bpm": "120",
        "volume": "1",
        "metronomeVolume": "0",
        "name": "test",
        "loopEnabled": "false",
        "patternModeMode": "true",
        "mode": "song",
        "pan_law_type": "RATIO_STRAIGHT_POLYGONAL",
        "humanize_time": "0",
        "humanize_velocity": "0",
        "swing_factor": "0",
    }.items():
        ElementTree.SubElement(root, name).text = text
    own = ElementTree.fromstring(hydrogen.drumkit_xml(kit).decode().replace(f' xmlns="{hydrogen.NAMESPACE}"', ""))
    root.append(own.find("componentList"))
    instruments = own.find("instrumentList")
    for instrument in instruments:
        for name, text in (("drumkit", "Test_Kit_7"), ("drumkitLookup", "2")):
            added = ElementTree.Element(name)
            added.text = text
            instrument.insert(2, added)
    root.append(instruments)
    pattern = ElementTree.SubElement(ElementTree.SubElement(root, "patternList"), "pattern")
    for name, text in (("name", "P"), ("category", ""), ("size", str(ticks)), ("denominator", "4")):
        ElementTree.SubElement(pattern, name).text = text
    notes = ElementTree.SubElement(pattern, "noteList")
    places = {pad.note: i for i, pad in enumerate(kit.pads)}
    for tick, note, velocity in strokes:
        element = ElementTree.SubElement(notes, "note")
        values = {"position": tick, "leadlag": 0, "velocity": velocity / 127, "pan": 0, "pitch": 0, "probability": 1}
        values |= {"key": "C0", "length": -1, "instrument": places[note], "note_off": "false"}
        for name, value in values.items():
            ElementTree.SubElement(element, name).text = str(value)
    ElementTree.SubElement(root, "virtualPatternList")
    group = ElementTree.SubElement(ElementTree.SubElement(root, "patternSequence"), "group")
    ElementTree.SubElement(group, "patternID").text = "P"
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


@needs_hydrogen
def test_hydrogen_plays_every_note_velocity_and_take(kit, home, tmp_path):
    wanted = of_pads(kit)
    # A stroke every four quarters, which are two seconds.
    strokes = [(i * 4 * TICKS, note, velocity) for i, (note, velocity, _) in enumerate(wanted)]
    (tmp_path / "t.h2song").write_bytes(song(kit, strokes, len(wanted) * 4 * TICKS))
    out = tmp_path / "out.wav"
    h2cli(home, "-s", tmp_path / "t.h2song", "-o", out, "-r", str(RATE), "-b", "24", "-d", "auto")
    sides = soundfile.read(io.BytesIO(out.read_bytes()), always_2d=True)[0].T
    played, levels = set(), {}
    for i, (note, velocity, _) in enumerate(wanted):
        pad = kit.pad_at(note)
        # Hydrogen counts the strokes of an instrument, not of a layer: the takes have their turns, in that order.
        takes = pad.layer_at(velocity).takes
        part = sides[:, i * GAP : (i + 1) * GAP]
        found = [(*max(heard(side, take) for side in part), k) for k, take in enumerate(takes)]
        correlation, gain, which = max(found)
        assert correlation > 0.999, (note, velocity, found)
        played.add((note, velocity, which))
        levels.setdefault(note, []).append(gain / level_of(velocity) / 10 ** (pad.gain_db / 20))
    assert len(played) == len(wanted)
    # By the velocity the level is the kit's, layers and takes alike.
    assert all(max(row) / min(row) < 1.01 for row in levels.values()), levels
