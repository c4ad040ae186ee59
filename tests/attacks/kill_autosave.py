"""Kill the studio at random moments while it saves a kit, and see what is left of the kit.

    python tests/attacks/kill_autosave.py --times 100 --servers 10 --seed 0

A writer saves a kit again and again, each time under another name and with another recording on its first pad, and
notes each revision that was acknowledged. So often as `--servers` says, the writer is a real studio, asked through the
endpoint that its page uses; otherwise a process of its own that calls the same store. After every kill the kit must be
readable and complete, with the last revision that was acknowledged or the one after it, never an older one.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from killing import PATIENCE_S, kill, left_behind, start, told

from creativeml.audio.io import read_audio
from creativeml.config import to_dict
from creativeml.files import project_folder, sha256_bytes
from creativeml.kits.project import PadPlan, Project
from creativeml.kits.store import ProjectStore
from creativeml.kits.wave import wav_of
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.request import Request

NAME = "0123456789abcdef0123456789abcdef"
SAVING_S = 1.0
"""That a writer saves for, at most, before it is killed."""
_STARTING_S = 180.0
# What a writer's process runs: the store as the studio uses it.
_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from kill_autosave import write
write(Path(sys.argv[2]))
"""


@dataclass
class Outcome:
    """What the kills did.

    Attributes:
        kills: so many.
        acknowledged: saves in all.
        ahead: kills after which a save was there that had not been acknowledged yet.
        stages: where the kills hit.
        faults: everything that should not be, a line each.
    """

    kills: int = 0
    acknowledged: int = 0
    ahead: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def recordings() -> list[bytes]:
    """Wavs of real kicks, as pads hold them."""
    files = sorted((project_folder("datasets") / "starter" / "kick").glob("*.flac"))
    return [wav_of(audio.samples.mean(0), audio.sample_rate) for audio in map(read_audio, files[:16])]


def kit(number: int, own: str) -> Project:
    """The kit of a revision: it is known by its name and by its recording."""
    info = find_model("drums")
    pads = (PadPlan("Mine", "kick", own=own), PadPlan("Snare", "snare", Request("snare", 7)), *[PadPlan()] * 14)
    return Project(ModelRecord(info.name, info.sha256, info.licence), pads, name=f"Kit {number}")


def write(folder: Path) -> None:
    """Save until killed; each acknowledged revision is a line of the standard output."""
    store, wavs = ProjectStore(folder), recordings()
    found = store.open(NAME)
    revision = found.revision if found else 0
    print("begun", flush=True)
    while True:
        own = store.keep(wavs[(revision + 1) % len(wavs)])
        revision = store.save(NAME, kit(revision + 1, own), revision)
        print(revision, flush=True)


def kill_autosave(times: int, servers: int, seed: int, folder: Path) -> Outcome:
    """Kill writers so often, `servers` of them studios, at moments of this seed; all write into one folder."""
    random_, outcome, wavs = random.Random(seed), Outcome(), recordings()
    last = 0
    for turn in range(times):
        # Evenly among the others, so that each kind opens what the other left.
        is_server = (turn + 1) * servers // times > turn * servers // times
        last = (_kill_server if is_server else _kill_writer)(folder, last, random_, outcome)
        outcome.kills += 1
        last = _looked_at(folder, last, wavs, outcome)
    return outcome


def _kill_writer(folder: Path, last: int, random_: random.Random, outcome: Outcome) -> int:
    """The last acknowledged revision."""
    process = start([sys.executable, "-c", _WRITER, str(Path(__file__).parent), str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    if random_.random() < 0.1:
        time.sleep(random_.uniform(0, SAVING_S))  # while it begins
    else:
        begun = process.stdout.readline()
        if begun != b"begun\n":
            outcome.faults.append("a writer did not begin")
        time.sleep(random_.uniform(0, SAVING_S))
    kill(process)
    lines = [line for line in process.stdout.read().split(b"\n")[:-1] if line != b"begun"]
    process.stdout.close()
    outcome.acknowledged += len(lines)
    outcome.stages["while a process saved" if lines else "in a process before its first save"] += 1
    return int(lines[-1]) if lines else last


def _kill_server(folder: Path, last: int, random_: random.Random, outcome: Outcome) -> int:
    """As `_kill_writer`, with a real studio that is asked by HTTP."""
    app = project_folder("apps") / "studio.py"
    command = [sys.executable, str(app), "--no-browser", "--projects", str(folder)]
    process = start(command, {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            address = f"{found[0]}/kit/gradio_api/call"
            break
    acknowledged: list[int] = []
    if not address:
        outcome.faults.append("a studio did not start")
    else:
        own = ProjectStore(folder).keep(recordings()[0])
        revision = (_asked(address, "open", NAME) or {"revision": 0})["revision"]
        if revision != last:
            outcome.faults.append(f"a studio opened revision {revision}, not {last}")
        # The first one loads the model, to check what is saved.
        revision = _asked(address, "save", NAME, to_dict(kit(revision + 1, own)), revision)
        acknowledged.append(revision)
        client = threading.Thread(target=_save_on, args=(address, revision, own, acknowledged))
        client.start()
        time.sleep(random_.uniform(0, 2 * SAVING_S))
        kill(process)
        client.join()
    outcome.faults += [f"outlived its studio by {PATIENCE_S} s: {line}" for line in left_behind(process.pid).values()]
    process.stdout.close()
    outcome.acknowledged += len(acknowledged)
    outcome.stages["while a studio saved"] += 1
    return acknowledged[-1] if acknowledged else last


def _save_on(address: str, revision: int, own: str, acknowledged: list[int]) -> None:
    """Save through the endpoint of the page until nobody answers."""
    with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        while True:
            revision = _asked(address, "save", NAME, to_dict(kit(revision + 1, own)), revision)
            acknowledged.append(revision)


def _asked(address: str, endpoint: str, *values: Any) -> Any:
    """What an endpoint answers."""
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/{endpoint}", json.dumps({"data": values}).encode(), head)
    with urllib.request.urlopen(request, timeout=_STARTING_S) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/{endpoint}/{event}", timeout=_STARTING_S) as answer:
        text = answer.read().decode()
    if "event: complete" not in text:
        raise ValueError(f"no answer: {text[:200]}")
    return json.loads(re.findall(r"^data: (.*)$", text, re.MULTILINE)[-1])[0]


def _looked_at(folder: Path, last: int, wavs: list[bytes], outcome: Outcome) -> int:
    """The revision that is there, after a look at everything that it should be."""
    where = f"kill {outcome.kills}"
    store = ProjectStore(folder)
    found = store.open(NAME)
    if found is None or found.project is None:
        if last:
            outcome.faults.append(f"{where}: revision {last} was acknowledged and no kit can be read")
        return last
    if found.notes:
        outcome.faults.append(f"{where}: {'; '.join(found.notes)}")
    if found.revision not in (last, last + 1):
        outcome.faults.append(f"{where}: revision {found.revision} is there, {last} was acknowledged")
    outcome.ahead += found.revision == last + 1
    if found.project.name != f"Kit {found.revision}":
        outcome.faults.append(f"{where}: revision {found.revision} holds '{found.project.name}'")
    own = found.project.pads[0].own
    if sha256_bytes(store.recording(own)) != own or store.recording(own) not in wavs:
        outcome.faults.append(f"{where}: the recording {own} is not what was kept")
    return found.revision


def clear(folder: Path, outcome: Outcome) -> None:
    """A studio that begins a minute later leaves nothing half written."""
    half = [path for path in folder.rglob(".*") if path.is_file()]
    outcome.stages["(half-written files, removed at the next start)"] = len(half)
    old = time.time() - 100
    for path in half:
        os.utime(path, (old, old))
    ProjectStore(folder)
    outcome.faults += [f"{path.name} stays" for path in folder.rglob(".*") if path.is_file()]


def main() -> int:
    """Kill, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--servers", type=int, default=10, help="of them, whole studios")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        outcome = kill_autosave(arguments.times, arguments.servers, arguments.seed, Path(folder))
        clear(Path(folder), outcome)
    print(f"{outcome.kills} kills in {time.monotonic() - began:.0f} s: {told(outcome.stages)}")
    print(f"{outcome.acknowledged} saves acknowledged; after {outcome.ahead} kills one more was there, never one less")
    for fault in outcome.faults:
        print(f"FAULT {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
