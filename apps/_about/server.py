"""Endpoints of the page *About this model*: what it was trained on, and how new sounds are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.shelf import FileShelf
from _studio.made import Sounds, Source

from _about.at_hand import recordings_at_hand
from creativeml.errors import CreativeMLError
from creativeml.kits.store import ProjectStore
from creativeml.synthesis import export
from creativeml.synthesis.catalog import TRAINING_INDEX, ModelInfo

if TYPE_CHECKING:
    from creativeml.evaluation.training_index import Match, Recording, TrainingIndex
    from creativeml.kits.project import PadPlan
    from creativeml.synthesis.generate import Instrument

KEPT_FILES = 512
LOOKED_THROUGH = 128
"""Nearest recordings among which one that can be played is looked for."""
OWN, LIKE, MADE, LOST = "own", "like", "made", "lost"
QUANTILES = {"low": 0.25, "middle": 0.5, "high": 0.75, "most": 0.97}


class AboutServer:
    """What the page asks for.

    Args:
        info: the model.
        instrument: gives the loaded model.
        folder: for files on their way to the page.
        store: where projects and recordings are kept.
        data: dataset folder with training recordings to play, beyond those of the starter pack.

    Raises:
        CreativeMLError: `data` is no dataset folder.
    """

    def __init__(
        self,
        info: ModelInfo,
        instrument: Callable[[], Instrument],
        folder: Path,
        store: ProjectStore,
        data: Path | None,
    ) -> None:
        self.info, self._store = info, store
        self._shelf = FileShelf(folder.resolve() / "about", KEPT_FILES)
        self._sounds = Sounds(instrument, store)
        self._hand = recordings_at_hand(data)
        self._lock = Lock()
        self._index: TrainingIndex | None = None

    # ---- endpoints ----

    def data(self) -> dict | None:
        """What the model was trained on, null if no index came with it.

        Returns:
            "recordings", "drums" and "playable" counts; "threshold" of distances and their quantiles among the
            recordings; "sources", the largest first, each with "recordings", "licences" and "credits".
        """
        with serving.shown_errors():
            index = self._known()
            if index is None:
                return None
            sources: dict[str, list[Recording]] = {}
            for recording in index.recordings:
                sources.setdefault(recording.source, []).append(recording)
            return {
                "recordings": len(index),
                "drums": len({recording.group for recording in index.recordings}),
                "playable": sum(self._hand.path(recording) is not None for recording in index.recordings),
                "threshold": index.threshold,
                **{name: float(index.distances.quantile(share)) for name, share in QUANTILES.items()},
                "sources": [
                    {
                        "source": source,
                        "recordings": len(found),
                        "licences": sorted({recording.licence for recording in found}),
                        "credits": list(dict.fromkeys(recording.credit for recording in found)),
                    }
                    for source, found in sorted(sources.items(), key=lambda item: (-len(item[1]), item[0]))
                ],
            }

    def novelty(self, name: str) -> dict | None:
        """How new the sounds of a kept kit are, before its pads are tuned.

        Args:
            name: under which the Kit page keeps it.

        Returns:
            null if there is none of that name, or it cannot be read; otherwise "name" of the kit and "pads" that are
            not empty, each as `nearest` gives it with "pad" (from 0) and "name". A musician's own recording has "state"
            and "file" alone.
        """
        with serving.shown_errors():
            found = self._store.open(name)
            if found is None or found.project is None:
                return None
            project = found.project
            pads = [
                {"pad": number, "name": plan.name or plan.own_name or plan.kind, "kind": plan.kind, **self._pad(plan)}
                for number, plan in enumerate(project.pads)
                if not plan.empty
            ]
            return {"name": project.name, "pads": pads}

    def nearest(self, sound: dict) -> dict:
        """How new one sound is.

        Args:
            sound: what to ask the model for: {"kind": "kick", "seed": 0, ...}.

        Returns:
            "file", the sound; "distance" from its nearest training recording, whether that is suspiciously "near", and
            in "words"; "rank", the share of training recordings that are nearer to another drum; "recording", the
            nearest one, and "heard", the nearest one whose "file" can be played, if it is another.
        """
        with serving.shown_errors():
            return self._judged(self._sounds.source({"sound": sound}, "the request"), MADE)

    # ---- inside ----

    def _known(self) -> TrainingIndex | None:
        with self._lock:
            path = self.info.folder / TRAINING_INDEX
            if self._index is None and path.is_file():
                # Not at the top: torch loads for a second, which the page need not wait for.
                from creativeml.evaluation.training_index import load_index

                index = load_index(path)
                if index.sample_rate != self.info.sample_rate:
                    raise CreativeMLError(
                        f"{path.name} compares sounds at {index.sample_rate} Hz, the model makes them at "
                        f"{self.info.sample_rate} Hz; make it again from the dataset that the model was trained with"
                    )
                self._index = index
            return self._index

    def _pad(self, plan: PadPlan) -> dict:
        try:
            if plan.own and not plan.root:
                return {"state": OWN, "file": self._shelf.place("sound.wav", self._store.recording(plan.own))}
            if plan.sound is None:
                return self._judged(Source(own=plan.own), LIKE)
            return self._judged(Source(export.checked(self._sounds.instrument(), [plan.sound])[0]), MADE)
        except CreativeMLError as error:
            return {"state": LOST, "why": str(error)}

    def _judged(self, source: Source, state: str) -> dict:
        import torch

        from creativeml.kits.wave import samples_of

        data = self._sounds.data(source)
        made = {"state": state, "file": self._shelf.place("sound.wav", data)}
        index = self._known()
        if index is None:
            return made
        found = index.nearest_few(torch.from_numpy(samples_of(data))[None], LOOKED_THROUGH)[0]
        first = found[0]
        heard = next((match for match in found if self._hand.path(match.recording)), None)
        return {
            **made,
            "distance": first.distance,
            "near": first.near,
            "rank": first.rank,
            "words": first.words,
            "recording": self._told(first),
            "heard": None if heard is None or heard is first else self._told(heard),
        }

    def _told(self, match: Match) -> dict[str, Any]:
        recording = match.recording
        file = None
        if self._hand.path(recording):
            data = self._hand.wav(recording, self.info.sample_rate)
            file = self._shelf.place("recording.wav", data)
        return {
            **{name: getattr(recording, name) for name in ("name", "kind", "source", "credit", "licence", "sha256")},
            "distance": match.distance,
            "file": file,
        }
