"""The functions behind the page of style transfer. Nothing that comes from the page is trusted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.jobs import Job, Jobs
from _shared.shelf import FileShelf

from _style_transfer.sounds import BIT_DEPTH, BLENDS, LICENCE, Sound, Sounds, ascii_word
from creativeml.audio.io import read_audio, wav_bytes
from creativeml.config import from_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import sha256_bytes
from creativeml.memory import give_back
from creativeml.synthesis.catalog import is_whole

if TYPE_CHECKING:
    from _style_transfer.work import Settings

KEPT_RESULTS = 64
MAX_BYTES = 3 << 30
KEPT_BLENDS = 4
MAX_HISTORY = 64
# Seconds of work: at once, and for each second of the content; what a machine takes is learnt from what it took.
PACES = {"texture": (0.8, 0.6), "latent": (0.5, 0.25), "spectral": (0.2, 0.03)}
_LEARNT = 0.5


@dataclass(frozen=True)
class Result:
    """A transfer that was made.

    Attributes:
        id: of its sounds and settings.
        content, style: what it was made of.
        settings: how.
        file: name in the store.
        gains: see `work.Made`.
        figures, work_s: see there.
    """

    id: str
    content: Sound
    style: Sound
    settings: Settings
    file: str
    gains: tuple[tuple[float, float], ...]
    figures: dict[str, float]
    work_s: float

    @property
    def title(self) -> str:
        """What people read."""
        return f"{self.content.name} in the style of {self.style.name}"


def kept_in(folder: Path) -> Path:
    """Where in Gradio's temporary folder the server's own files lie, which no upload may name."""
    return folder.resolve() / "transfer"


class Server:
    """What the page asks for.

    Args:
        examples: gives the sounds that come with the page, once they are made.
        sounds: where they and all others are kept.
        folder: for files on their way to the page; uploads lie in it too.
        version: of the program, told in every file.
        jobs: the queue.
    """

    def __init__(
        self,
        examples: Callable[[], list[Sound]],
        sounds: Sounds,
        folder: Path,
        version: str,
        jobs: Jobs | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._store = FileShelf(kept_in(self._folder) / "results", KEPT_RESULTS, MAX_BYTES)
        self._blends = FileShelf(kept_in(self._folder) / "blends", KEPT_BLENDS, MAX_BYTES)
        self._examples, self._sounds, self._version = examples, sounds, version
        self._jobs = jobs or Jobs()
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._paces = dict(PACES)
        self._lock = Lock()

    def state(self, job: str = "") -> dict:
        """How far a job is. Waits for nothing.

        Args:
            job: as `start` names it, "" to ask for the paces alone.

        Returns:
            "job": None if it is not known, else "state" (waiting, running, stopping, done, failed, stopped), "stage",
            "share" of the work that is done, "left_s" seconds or None, "before": jobs that come first, "answer": id of
            the result, "error"; "paces": of each method, seconds of work at once and for each second of the content.
        """
        with self._lock:
            paces = {name: list(pace) for name, pace in self._paces.items()}
        return {"job": self._jobs.told(job), "paces": paces}

    def examples(self) -> dict:
        """Sounds to begin with.

        Returns:
            "sounds": of each id, name, seconds, sample_rate, channels, group ("loop" or "texture") and its file;
            "licence" of all of them.
        """
        with serving.shown_errors():
            return {"sounds": [self._shown(sound) for sound in self._examples()], "licence": LICENCE}

    def add(self, file: dict) -> dict:
        """Take a sound in: WAV, AIFF, FLAC, OGG, MP3, AU or CAF, mono or stereo, 8 to 192 kHz, up to 10 minutes.

        Args:
            file: as Gradio's upload gives it.

        Returns:
            As one of `examples`, of the group "own", with "notes": what was done to it.
        """
        with serving.shown_errors():
            path, name = serving.uploaded(file, self._folder)
            try:
                return self._shown(self._sounds.add_file(path, name))
            finally:
                path.unlink(missing_ok=True)
                give_back()

    def start(self, content: str, style: str, settings: dict) -> dict:
        """Begin a transfer.

        Args:
            content, style: ids of sounds.
            settings: "method", "strength", "rhythm", "timbre", "dynamics" and "seed", those of `creativeml transfer`.

        Returns:
            "job" to ask `state` for, or "" if it was made before; "result": its id.
        """
        from _style_transfer.work import Settings

        with serving.shown_errors():
            wish = from_dict(Settings, settings, where="settings")
            played, given = self._sounds.find(content, "content"), self._sounds.find(style, "style")
            key = sha256_bytes(f"{played.id} {given.id} {wish.text()} {self._version}".encode())[:16]
            if self._known(key) is not None:
                return {"job": "", "result": key}
            return {"job": self._jobs.submit(lambda job: self._make(job, key, played, given, wish)), "result": key}

    def cancel(self, job: str) -> dict:
        """Stop a job; gives what `state` gives."""
        self._jobs.stop(job)
        return self.state(job)

    def result(self, result: str) -> dict:
        """What was made.

        Args:
            result: its id.

        Returns:
            "id", "content" and "style" as `examples` has them, but their "file" is None if it has gone; "settings",
            "file": a 24-bit wav; "gains": of content and result at each twentieth of a blend; "figures": "style_before"
            and "style", distances from the style, "onsets", the F-measure of the content's, and "louder_db"; "work_s".
        """
        with serving.shown_errors():
            made = self._found(result)
            values = {name: getattr(made, name) for name in ("id", "figures", "work_s")}
            sounds = {name: self._shown(getattr(made, name)) for name in ("content", "style")}
            gains = [list(pair) for pair in made.gains]
            return {**values, **sounds, "settings": asdict(made.settings), "gains": gains, "file": self._file(made)}

    def known(self, ids: list) -> dict:
        """What is still there of what a page remembers.

        Args:
            ids: of results and sounds, up to 192.

        Returns:
            "results": their ids; "sounds": each as `examples` has it.
        """
        with serving.shown_errors():
            if not isinstance(ids, list) or len(ids) > 3 * MAX_HISTORY:
                raise CreativeMLError(f"give a list of up to {3 * MAX_HISTORY} ids")
            sounds = [found for name in dict.fromkeys(map(str, ids)) if (found := self._sounds.look(name)) is not None]
            results = [name for name in ids if self._known(name) is not None]
            return {"results": results, "sounds": [self._shown(sound) for sound in sounds]}

    def download(self, result: str, blend: int = 20) -> dict:
        """A result, or a blend of it with its content, as a 24-bit wav that tells how it was made.

        Args:
            result: its id.
            blend: 0 (the content) to 20 (the result).
        """
        from _style_transfer.work import blended

        with serving.shown_errors():
            made = self._found(result)
            if not is_whole(blend) or not 0 <= blend <= BLENDS:
                raise CreativeMLError(f"blend must be a whole number from 0 to {BLENDS}, got {quoted(blend)}")
            samples = read_audio(self._file(made)["path"]).samples
            if blend < BLENDS:
                content = self._sounds.samples(made.content, "content")
                samples = blended(content, samples, made.gains[blend])
            data = self._wav(samples, made, blend)
            share = "" if blend == BLENDS else f"_blend{100 * blend // BLENDS}"
            return self._blends.place(f"{Path(made.file).stem}{share}.wav", data)

    def drop(self, result: str) -> bool:
        """Forget a result and its sound; gives whether it was there."""
        made = self._known(result)
        if made is None:
            return False
        with self._lock:
            self._results.pop(made.id, None)
        self._store.drop(made.file)
        return True

    def warm_up(self) -> None:
        """Let the worker load what it needs before the first transfer."""

        def work(job: Job) -> None:
            from _style_transfer.work import warm_up

            warm_up(job)

        self._jobs.submit(work)

    # ---- inside ----

    def _make(self, job: Job, key: str, content: Sound, style: Sound, settings: Settings) -> str:
        from _style_transfer.work import perform

        played = self._sounds.samples(content, "content")
        given = self._sounds.samples(style, "style")
        try:
            made = perform(job, played, content.sample_rate, given, style.sample_rate, settings)
        finally:
            give_back()
        words = f"{ascii_word(content.name, 24)}_as_{ascii_word(style.name, 24)}"
        name = f"{words}_{settings.method}{round(100 * settings.strength)}_{key[:4]}.wav"
        result = Result(key, content, style, settings, name, made.gains, made.figures, round(made.seconds, 2))
        self._store.place(name, self._wav(made.samples, result, len(made.gains) - 1))
        with self._lock:
            self._results[key] = result
            while len(self._results) > KEPT_RESULTS:
                self._results.popitem(last=False)
            once, pace = self._paces[settings.method]
            took = max(0.0, made.seconds - once) / content.seconds
            self._paces[settings.method] = once, round(pace + _LEARNT * (took - pace), 4)
        return key

    def _wav(self, samples: Any, made: Result, blend: int) -> bytes:
        share = 100 * blend // (len(made.gains) - 1)
        comment = f"content={made.content.name} style={made.style.name} {made.settings.text()} blend={share}%"
        texts = {"INAM": made.title, "ISFT": f"creativeml {self._version}", "ICMT": comment}
        return wav_bytes(samples, made.content.sample_rate, bits=BIT_DEPTH, info=texts)

    def _known(self, name: Any) -> Result | None:
        with self._lock:
            made = self._results.get(name) if isinstance(name, str) else None
        return made if made is not None and self._store.find(made.file) is not None else None

    def _found(self, name: Any) -> Result:
        made = self._known(name)
        if made is None:
            raise CreativeMLError("the sound of this result has gone; restore its settings and press Transfer")
        return made

    def _file(self, made: Result) -> dict:
        file = self._store.find(made.file)
        if file is None:
            raise CreativeMLError("the sound of this result has gone; restore its settings and press Transfer")
        return file

    def _shown(self, sound: Sound) -> dict:
        return {**sound.plain(), "file": self._sounds.file(sound)}
