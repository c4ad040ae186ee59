"""The functions behind the page of style transfer, called as plain functions, on real sounds."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gradio
import numpy as np
import pytest
import soundfile
import torch

from creativeml.audio.loudness import integrated_loudness
from creativeml.data.loops import loop, texture
from creativeml.data.patterns import written_patterns
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.style_transfer.engine import transfer

RATE = 44100
SPECTRAL = {"method": "spectral"}
STARTER = project_folder("datasets") / "starter"


@pytest.fixture(scope="module")
def parts(style_transfer) -> SimpleNamespace:
    return SimpleNamespace(
        **{name: importlib.import_module(f"_style_transfer.{name}") for name in ("server", "sounds", "work")}
    )


@pytest.fixture(scope="module")
def beat() -> np.ndarray:
    """1.2 s of rock."""
    return loop(written_patterns()[1], RATE, seed=0, tempo=100).numpy()[: round(1.2 * RATE)]


@pytest.fixture(scope="module")
def rain() -> np.ndarray:
    return texture("hat_closed", RATE, 1.0, seed=0).numpy()


@pytest.fixture
def server(parts, tmp_path):
    sounds = parts.sounds.Sounds(parts.server.kept_in(tmp_path / "up"))
    return parts.server.Server(lambda: [], sounds, tmp_path / "up", "1.2.3")


def put(server, samples: np.ndarray, rate: int = RATE, name: str = "beat.wav", **options) -> dict:
    """A sound as an upload; samples (n,) or (n, channels)."""
    target = server._folder / "abc123" / name
    target.parent.mkdir(exist_ok=True)
    soundfile.write(target, samples, rate, **options)
    return server.add(uploaded(target))


def uploaded(path: Path) -> dict:
    """As Gradio says it."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def finished(server, content: dict, style: dict, settings: dict, seconds: float = 60) -> dict:
    """The result of a transfer."""
    begun = server.start(content["id"], style["id"], settings)
    end = time.monotonic() + seconds
    while begun["job"]:
        job = server.state(begun["job"])["job"]
        if job["state"] in ("done", "failed", "stopped"):
            assert job["state"] == "done" and job["answer"] == begun["result"], job
            break
        assert time.monotonic() < end
        time.sleep(0.02)
    return server.result(begun["result"])


def read(file: dict) -> tuple[np.ndarray, int]:
    """`(channels, n)` of a 24-bit wav."""
    info = soundfile.info(file["path"])
    assert (info.format, info.subtype) == ("WAV", "PCM_24")
    samples, rate = soundfile.read(file["path"], always_2d=True)
    return samples.T, rate


def texts(path: str) -> dict[str, str]:
    """LIST INFO, read by its own definition: chunks of four letters, a size and a text that ends in zero."""
    data, found = Path(path).read_bytes(), {}
    at = data.index(b"LIST")
    end = at + 8 + struct.unpack("<I", data[at + 4 : at + 8])[0]
    at += 12
    while at < end:
        name, size = data[at : at + 4].decode(), struct.unpack("<I", data[at + 4 : at + 8])[0]
        found[name] = data[at + 8 : at + 8 + size].rstrip(b"\0").decode()
        at += 8 + size + size % 2
    return found


# ---- making ----


def test_the_result_is_that_of_the_engine(server, beat, rain):
    content, style = put(server, beat), put(server, rain, name="rain.wav")
    made = finished(server, content, style, {"method": "spectral", "strength": 0.8, "timbre": 0.9})
    samples, rate = read(made["file"])
    played, given = (torch.from_numpy(read(sound["file"])[0]).float() for sound in (content, style))
    expected = transfer(played, given, RATE, method="spectral", strength=0.8, timbre=0.9)
    assert rate == RATE and samples.shape == (1, len(beat))
    assert np.abs(samples - expected.numpy()).max() < 2**-22
    assert made["settings"] == {
        "method": "spectral",
        "strength": 0.8,
        "rhythm": 1.0,
        "timbre": 0.9,
        "dynamics": 0.0,
        "seed": 0,
    }
    assert made["figures"]["style"] < 0.5 * made["figures"]["style_before"] and made["figures"]["onsets"] > 0.8


@pytest.mark.parametrize("method", ["texture", "latent"])
def test_the_other_methods_work_too(server, beat, rain, method):
    made = finished(server, put(server, beat), put(server, rain, name="rain.wav"), {"method": method, "seed": 7})
    samples, _ = read(made["file"])
    assert samples.shape == (1, len(beat)) and np.abs(samples[0] - beat).max() > 0.05
    assert made["figures"]["style"] < made["figures"]["style_before"]


def test_what_was_made_once_is_there_at_once(server, beat, rain):
    content, style = put(server, beat), put(server, rain, name="rain.wav")
    made = finished(server, content, style, SPECTRAL)
    again = server.start(content["id"], style["id"], SPECTRAL)
    assert again == {"job": "", "result": made["id"]}
    other = server.start(content["id"], style["id"], {"method": "spectral", "dynamics": 0.5})
    assert other["job"] and other["result"] != made["id"]


def test_rates_and_channels_may_differ(server, beat, rain):
    quiet = beat[::5][: RATE // 5]
    content = put(server, np.stack([quiet, -0.5 * quiet], 1), 8000, "eight.wav")
    style = put(server, np.repeat(rain[: RATE // 2], 4), 192000, "high.flac")
    assert (content["channels"], style["channels"], style["sample_rate"]) == (2, 1, 192000)
    samples, rate = read(finished(server, content, style, SPECTRAL)["file"])
    assert rate == 8000 and samples.shape == (2, len(quiet)) and np.isfinite(samples).all()


def test_progress_moves_and_cancelling_ends_the_work_long_before_its_end(server, beat, rain):
    content, style = put(server, np.tile(beat, 20)), put(server, rain, name="rain.wav")
    name = server.start(content["id"], style["id"], {"method": "texture"})["job"]
    shares = []
    while not shares or shares[-1] < 0.1:
        shares.append(server.state(name)["job"]["share"])
        time.sleep(0.05)
    assert shares == sorted(shares) and len(set(shares)) > 2
    cancelled = server.cancel(name)["job"]
    assert cancelled["state"] in ("stopping", "stopped")
    end = time.monotonic() + 60
    while (job := server.state(name)["job"])["state"] != "stopped":
        assert time.monotonic() < end
        time.sleep(0.01)
    assert job["share"] < cancelled["share"] + 0.2
    # The worker is free again.
    finished(server, put(server, beat, name="short.wav"), style, SPECTRAL)


def test_the_work_stops_also_where_the_engine_reports_nothing(parts, beat, rain):
    job = importlib.import_module("_shared.jobs").Job(lambda job: None)
    calls = []

    class Stopping(type(job)):
        def check(self):
            calls.append(self.stage)
            if len(calls) > 40:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.work.perform(
            Stopping(lambda job: None), beat[None], RATE, rain[None], RATE, parts.work.Settings("texture")
        )
    assert set(calls) == {"preparing"}


def test_what_is_stopped_leaves_torch_as_it_was(parts):
    class End(Exception):
        pass

    ending = []

    def check() -> None:
        if ending:
            raise End

    with pytest.raises(End), parts.work.Watched(check), torch.no_grad():
        ending.append(True)  # the next function is the one that ends the context
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("after", [2, 60, 300, 1200])
def test_after_a_stop_anywhere_the_next_transfer_works(parts, beat, rain, after):
    jobs = importlib.import_module("_shared.jobs")

    class Brief(jobs.Job):
        calls = 0

        def check(self):
            self.calls += 1
            if self.calls > after:
                raise jobs.Stopped

    settings = parts.work.Settings("texture", seed=after)
    sounds = beat[None, : RATE // 4], RATE, rain[None], RATE
    with pytest.raises(jobs.Stopped):
        parts.work.perform(Brief(lambda job: None), *sounds, settings)
    assert torch.is_grad_enabled()
    assert parts.work.perform(jobs.Job(lambda job: None), *sounds, settings).samples.shape == (1, RATE // 4)


def test_the_paces_are_learnt(server, beat, rain):
    before = server.state()["paces"]["spectral"]
    finished(server, put(server, beat), put(server, rain, name="rain.wav"), SPECTRAL)
    assert server.state()["job"] is None and server.state()["paces"]["spectral"] != before


# ---- hearing and saving ----


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_the_level_goes_straight_along_the_blend_as_far_as_full_scale_lets_it(server, beat, rain, level):
    content, style = put(server, level * beat), put(server, rain, name="rain.wav")
    made = finished(server, content, style, SPECTRAL)
    own, result = read(content["file"])[0], read(made["file"])[0]
    gains = made["gains"]
    assert list(gains[0]) == pytest.approx([1, 0]) and list(gains[-1]) == pytest.approx([0, 1]) and len(gains) == 21
    steps, levels, peaks = (0, 5, 10, 15, 20), [], []
    for step in steps:
        samples, rate = read(server.download(made["id"], step))
        assert rate == RATE and samples.shape == own.shape
        assert np.abs(samples - (gains[step][0] * own + gains[step][1] * result)).max() < 2**-22
        levels.append(float(np.sqrt(np.mean(samples**2))))
        peaks.append(float(np.abs(samples).max()))
    # Sunk by as much as 3 dB, were the shares plain.
    straight = [levels[0] + (levels[-1] - levels[0]) * step / 20 for step in steps]
    lowered = [20 * math.log10(a / b) for a, b in zip(levels, straight, strict=True)]
    full = 10 ** (-0.1 / 20)
    for change, peak in zip(lowered, peaks, strict=True):
        # Both peak near full scale: what they have not in common makes some blends exceed it.
        assert abs(change) < 0.05 or (level == 1 and change > -0.7 and peak == pytest.approx(full, abs=1e-5))
    assert max(peaks) <= full + 1e-5 and (level < 1) == (min(lowered) > -0.05)
    difference = integrated_loudness(result[0], RATE) - integrated_loudness(own[0], RATE)
    assert made["figures"]["louder_db"] == pytest.approx(difference, abs=0.05)


def test_a_blend_beyond_full_scale_is_lowered(parts):
    content = torch.tensor([[1.0, 0.0, 0.0, 0.1]])
    result = torch.tensor([[1.0, 0.5, -0.9, 0.0]])
    gains = parts.work.even_gains(content, result)
    mixed = [float((own * content + other * result).abs().max()) for own, other in gains]
    assert max(mixed) <= 1.0 and min(mixed) > 0.9 and mixed[10] == pytest.approx(10 ** (-0.1 / 20))


def test_the_file_tells_what_made_it(server, beat, rain):
    content = put(server, beat, name="Grüße & Co.wav")
    made = finished(server, content, put(server, rain, name="雨.wav"), {**SPECTRAL, "seed": 5})
    file = server.download(made["id"], 10)
    name = Path(file["path"]).name
    assert name == file["orig_name"] and name.isascii() and name.endswith("_blend50.wav")
    assert name.startswith("Grue_Co_as_sound_spectral100_") or name.startswith("Gru_e_Co_as_sound_spectral100_")
    info = texts(file["path"])
    assert info["INAM"] == "Grüße & Co in the style of 雨" and info["ISFT"] == "creativeml 1.2.3"
    for word in ("method=spectral", "strength=1.0", "rhythm=1.0", "dynamics=0.0", "seed=5", "blend=50%", "style=雨"):
        assert word in info["ICMT"]
    assert "blend=100%" in texts(server.download(made["id"])["path"])["ICMT"]


def test_what_is_dropped_or_gone_is_said(server, beat, rain):
    content, style = put(server, beat), put(server, rain, name="rain.wav")
    made = finished(server, content, style, SPECTRAL)
    known = server.known([made["id"], content["id"], "foreign", 3, None])
    assert known["results"] == [made["id"]] and [s["id"] for s in known["sounds"]] == [content["id"]]
    assert server.drop(made["id"]) is True and server.drop(made["id"]) is False
    assert server.known([made["id"]]) == {"results": [], "sounds": []}
    for call in (server.result, server.download):
        with pytest.raises(gradio.Error, match="has gone; restore its settings"):
            call(made["id"])
    Path(content["file"]["path"]).unlink()
    with pytest.raises(gradio.Error, match="the content is no longer there"):
        server.start(content["id"], style["id"], SPECTRAL)


# ---- what must be refused ----


def broken(kind: str, folder: Path, beat: np.ndarray) -> Path:
    """A file that is no use."""
    path = folder / f"{kind}.wav"
    if kind == "text":
        path.write_text("dear drummer")
    elif kind == "empty":
        path.touch()
    elif kind == "cut":
        soundfile.write(path, beat, RATE)
        path.write_bytes(path.read_bytes()[:30])
    elif kind == "nan":
        soundfile.write(path, np.where(np.arange(len(beat)) == 999, np.nan, beat), RATE, subtype="FLOAT")
    elif kind == "silence":
        soundfile.write(path, np.zeros(RATE), RATE)
    elif kind == "one sample":
        soundfile.write(path, beat[:1], RATE)
    elif kind == "surround":
        soundfile.write(path, np.stack([beat] * 6, 1), RATE)
    elif kind == "slow":
        soundfile.write(path, beat, 4000)
    elif kind == "ten hours":
        path = folder / "ten hours.flac"
        with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
            for _ in range(36):
                file.write(np.zeros(8_000_000, np.int16))
    return path


REFUSED = {
    "text": "text.wav: ",
    "empty": "empty.wav: empty: the file has 0 bytes; copy",
    "cut": "cut.wav: ",
    "nan": "nan.wav: .*(NaN|not finite).*; ",
    "silence": "silence.wav: the sound is silent .*; give a recording that sounds",
    "one sample": "one sample.wav: the sound has 1 sample .*; give at least 0.05 s",
    "surround": "surround.wav: it has 6 channels, more than 2; mix it down to mono or stereo",
    "slow": "slow.wav: its sample rate, 4000 Hz, is not in 8000 to 192000 Hz; ",
    "ten hours": "ten hours.flac: too long: 36000.0 s, more than the 600 s allowed; cut out the part that you want",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_files_get_one_line_and_leave_nothing(server, beat, tmp_path, kind):
    folder = server._folder / "abc123"
    folder.mkdir()
    path = broken(kind, folder, beat)
    with pytest.raises(gradio.Error, match=f"^.{REFUSED[kind]}") as caught:
        server.add(uploaded(path))
    text = caught.value.message
    assert "\n" not in text and str(folder) not in text and text.count(path.name) == 1
    assert not path.exists() and not [p for p in server._folder.rglob("*") if p.is_file()]
    put(server, beat)  # it goes on


def test_what_is_beyond_full_scale_is_lowered_and_said(server, beat):
    sound = put(server, 4 * beat, name="hot.wav", subtype="FLOAT")
    peak = 20 * np.log10(4 * np.abs(beat).max())
    assert sound["notes"] == [f"its peak was {peak:+.1f} dBFS, so it was lowered to full scale"]
    assert 0.98 < np.abs(read(sound["file"])[0]).max() <= 1


@pytest.mark.parametrize(
    "file",
    [
        None,
        [],
        "beat.wav",
        {},
        {"path": None},
        {"path": ""},
        {"path": "/etc/passwd"},
        {"path": "a\0b"},
        {"path": "x" * 5000},
        {"path": str(STARTER / "kick" / "bd_808.flac")},
        {"path": {"a": 1}},
    ],
)
def test_only_what_was_uploaded_is_opened(server, file):
    with pytest.raises(gradio.Error, match="give a file; what came is none"):
        server.add(file)


def test_the_servers_own_files_and_lost_ones_cannot_be_added(server, beat):
    sound = put(server, beat)
    with pytest.raises(gradio.Error, match="what came is none"):
        server.add({"path": sound["file"]["path"]})
    assert Path(sound["file"]["path"]).is_file()
    for way in ("abc123/../../../etc/passwd", "../outside.wav"):
        with pytest.raises(gradio.Error, match="what came is none"):
            server.add({"path": str(server._folder / way)})
    with pytest.raises(gradio.Error, match="no longer there; give it again"):
        server.add({"path": str(server._folder / "abc123" / "gone.wav")})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "magic"}, "expected one of texture, latent, spectral"),
        ({"strength": 1.01}, "strength must be a number from 0 to 1"),
        ({"strength": float("nan")}, "strength must be a number from 0 to 1"),
        ({"rhythm": -0.1}, "rhythm must be"),
        ({"timbre": "much"}, "timbre"),
        ({"dynamics": True}, "dynamics"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 2**32}, "seed must be a whole number"),
        ({"seed": 0.5}, "seed"),
        ({"seed": None}, "seed"),
        ({"volume": 1}, "volume"),
        ({"method": ["texture"]}, "method"),
        ([], "settings"),
        (None, "settings"),
        ("texture", "settings"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(server, beat, settings, words):
    sound = put(server, beat)
    with pytest.raises(gradio.Error, match=words) as caught:
        server.start(sound["id"], sound["id"], settings)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", [None, "", 3, [], {"id": 1}, "../../etc/passwd", "x" * 10000])
def test_wrong_names_are_refused(server, beat, name):
    sound = put(server, beat)
    for content, style in ((name, sound["id"]), (sound["id"], name)):
        with pytest.raises(gradio.Error, match="no longer there"):
            server.start(content, style, {})
    for call in (server.result, server.download):
        with pytest.raises(gradio.Error, match="has gone"):
            call(name)
    assert server.drop(name) is False and server.state(name)["job"] is None and server.cancel(name)["job"] is None


@pytest.mark.parametrize("blend", [-1, 21, 0.5, None, "10", True])
def test_wrong_blends_are_refused(server, beat, rain, blend):
    made = finished(server, put(server, beat), put(server, rain, name="rain.wav"), SPECTRAL)
    with pytest.raises(gradio.Error, match="blend must be a whole number from 0 to 20"):
        server.download(made["id"], blend)


def test_a_content_without_hits_is_said_by_the_job(server, rain):
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE) * np.hanning(RATE)
    content, style = put(server, hum, name="hum.wav"), put(server, rain, name="rain.wav")
    begun = server.start(content["id"], style["id"], {"method": "latent"})
    while (job := server.state(begun["job"])["job"])["state"] not in ("done", "failed"):
        time.sleep(0.02)
    if job["state"] == "failed":
        assert "has no hits" in job["error"]
    finished(server, content, style, SPECTRAL)


def test_a_full_queue_is_said(parts, beat, tmp_path):
    queue = importlib.import_module("_shared.jobs").Jobs(most_waiting=0)
    server = parts.server.Server(
        lambda: [], parts.sounds.Sounds(parts.server.kept_in(tmp_path / "up")), tmp_path / "up", "1", queue
    )
    sound = put(server, beat)
    with pytest.raises(gradio.Error, match="busy: 0 wait already; try again"):
        server.start(sound["id"], sound["id"], {})


# ---- the examples and the page ----


def test_the_examples_are_made_of_what_anyone_may_use(parts, tmp_path):
    sounds = parts.sounds.Sounds(tmp_path)
    made = sounds.add_examples()
    assert len({sound.id for sound in made}) == len(parts.sounds.LOOPS) + len(parts.sounds.TEXTURES)
    assert {sound.group for sound in made} == {"loop", "texture"}
    for sound in made:
        samples, rate = read(sounds.file(sound))
        assert rate == RATE and 2 < samples.shape[1] / rate < 8
        assert np.abs(samples).max() == pytest.approx(0.9, abs=1e-4)
    # The same names for the same sounds after a restart: pages remember them.
    again = parts.sounds.Sounds(tmp_path / "again").add_examples()
    assert [sound.id for sound in again] == [sound.id for sound in made]
    assert parts.sounds.LICENCE in (STARTER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "word"),
    [("beat", "beat"), ("Pluie d'été", "Pluie_d_ete"), ("雨", "sound"), ("../../x", "x"), ("", "sound")],
)
def test_file_names_are_ascii(parts, name, word):
    assert parts.sounds.ascii_word(name) == word


def test_the_page_is_built_from_its_files(style_transfer, tmp_path):
    info = find_model("drums")
    server, _ = style_transfer.prepared(tmp_path, info)
    demo = style_transfer.build(server, info)
    names = {name.strip("/") for name in demo.get_api_info()["named_endpoints"]}
    assert names == {"state", "examples", "add", "start", "cancel", "result", "known", "download", "drop"}
    setup = json.loads(json.dumps(style_transfer.page_setup(info)))
    assert set(setup["paces"]) == {"texture", "latent", "spectral"} and setup["blends"] == 20
    page = "".join(path.read_text(encoding="utf-8") for path in (*style_transfer.SCRIPTS, *style_transfer.STYLES))
    page += (style_transfer.PAGE / "page.html").read_text(encoding="utf-8")
    for address in ("https://", "@import", "url("):
        assert address not in page


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--port", "0"], "--port must lie"), (["--host", "0.0.0.0"], "--auth user:password")],
)
def test_wrong_options_get_one_line(options, words):
    script = project_folder("apps") / "style_transfer.py"
    done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_a_long_file_leaves_no_memory_behind(server, beat):
    if sys.platform != "linux":
        pytest.skip("reads what Linux says of a process")

    def held_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    put(server, beat)
    before = held_mb()
    put(server, np.tile(beat, 100), name="long.wav")
    assert held_mb() - before < 40  # its samples alone are 20 MB, and it is held thrice while it is taken in
    shutil.rmtree(server._folder / "abc123")


def test_errors_are_those_of_the_package(parts):
    with pytest.raises(CreativeMLError, match="seed must be"):
        parts.work.Settings(seed=-1)
