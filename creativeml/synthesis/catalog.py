"""Which instruments there are and what may be asked of them: known without torch, so pages open fast."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import creativeml
from creativeml.config import ConfigError, from_dict, read_json
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.errors import CreativeMLError, MissingExtra, quoted, require
from creativeml.files import sha256_file
from creativeml.kinds import Kind, shares_of

DEFAULT_MODEL = "drums"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "MODEL_CARD.md"
ENCODER = "encoder"
TRAINING_INDEX = "training_index.safetensors"
"""Beside the weights, see `creativeml.evaluation.training_index`."""
RANGES = "descriptor_ranges"
"""Entry of a model's information: the `DescriptorRanges` of the recordings that it was trained on."""

LAST_SEED = 2**32 - 1
MAX_COUNT = 1024
MAX_TRUNCATION = 1.5
MAX_TUNING = 100
MAX_TAKE = 1000
DEFAULT_TUNING = 24
"""Steps towards what was asked, where a person waits for them: `creativeml generate`, and *Tune* on the page."""
_LARGEST_VALUE = 1e9
_PLAY = ("style_wavegan", "wave_vae")
"""Names in the registry of the bundled models that make sounds of kinds."""


@dataclass(frozen=True)
class ModelInfo:
    """Where an instrument's sounds come from.

    Attributes:
        name: the bundled name, the folder's name, or the hub's user/name.
        sha256: hash of the weights file; two instruments with the same hash and version make the same sounds.
        licence: licence of the weights as their makers state it, "" if they do not.
        card: path of the model card, None if the model came without one.
        folder: where the files lie.
        version: version of creativeml that found the model.
        kinds: kinds of sound that the model knows.
        sample_rate: in Hz.
        length_samples: samples in every sound.
        details: whatever else was saved with the model (training data, steps, ...).
        controls: descriptors that it can be asked for.
    """

    name: str
    sha256: str
    licence: str
    card: Path | None
    folder: Path
    version: str
    kinds: tuple[str, ...]
    sample_rate: int
    length_samples: int
    details: dict[str, Any]
    controls: tuple[str, ...] = ()

    @cached_property
    def ranges(self) -> DescriptorRanges | None:
        """What descriptors its training sounds had, with all kinds that it knows; None if that did not come with it.

        Raises:
            ConfigError: it is damaged.
        """
        stored = self.details.get(RANGES)
        if stored is None:
            return None
        ranges = from_dict(DescriptorRanges, stored, where=f"{self.folder / CONFIG}: {RANGES}")
        found = {known.kind for known in ranges.kinds}
        # Of a kind without recordings the data know nothing: it is judged as one of which there are few.
        unheard = [replace(ranges.overall, kind=kind, sounds=0) for kind in self.kinds if kind not in found]
        return replace(ranges, kinds=(*ranges.kinds, *unheard))


def find_model(name: str | Path = DEFAULT_MODEL) -> ModelInfo:
    """Look a model up, and read what its configuration says.

    Args:
        name: a bundled name, a folder, or "user/name" on the Hugging Face hub.

    Raises:
        CreativeMLError: nothing of that name, or not the folder of a model that makes sounds.
    """
    folder = _find(str(name))
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise CreativeMLError(f"{folder}: not a model folder (it has no {file})")
    values = read_json(folder / CONFIG)
    details = values.get("info") if isinstance(values, dict) else None
    details = details if isinstance(details, dict) else {}
    try:
        shape = values["config"]
        kinds = tuple(str(k) for k in shape["kinds"])
        sample_rate, length_samples = int(shape["sample_rate"]), int(shape["length_samples"])
        controls = tuple(str(c) for c in shape.get("controls", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{folder / CONFIG}: not the configuration of a model that makes sounds") from error
    # A card called README.md is how the hub keeps it.
    card = next((folder / n for n in (CARD, "README.md") if (folder / n).is_file()), None)
    return ModelInfo(
        # Not the path: the name travels in manifests, and a person's folders are nobody's business.
        name=folder.resolve().name if Path(name).is_dir() else str(name),
        sha256=sha256_file(folder / WEIGHTS),
        licence=str(details.get("licence", "")),
        card=card,
        folder=folder,
        version=creativeml.__version__,
        kinds=kinds,
        sample_rate=sample_rate,
        length_samples=length_samples,
        details=details,
        controls=controls,
    )


def bundled_models() -> dict[str, Path]:
    """Names and folders of the models that came with the package."""
    weights = Path(creativeml.__file__).resolve().parent / "weights"
    return {p.parent.name: p.parent for p in sorted(weights.glob(f"*/{CONFIG}"))}


def bundled_instruments() -> dict[str, Path]:
    """Names and folders of those that make sounds of kinds; the others listen, or draw spectrograms."""
    return {name: folder for name, folder in bundled_models().items() if read_json(folder / CONFIG)["model"] in _PLAY}


def _find(name: str) -> Path:
    bundled = bundled_models()
    if name in bundled:
        return bundled[name]
    if Path(name).is_dir():
        return Path(name)
    parts = name.split("/")
    if len(parts) == 2 and all(p and not p.startswith(".") for p in parts):
        return _fetch(name)
    playing = bundled_instruments()
    near = difflib.get_close_matches(name, playing, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    known = ", ".join(playing) or "none in this installation"
    raise CreativeMLError(f"no model is called '{name}' and there is no such folder{hint} (bundled: {known})")


def _fetch(name: str) -> Path:
    try:
        hub = require("huggingface_hub", extra="apps")
    except MissingExtra as error:
        raise MissingExtra(
            f"there is no folder '{name}'; to get a model of that name from the hub: pip install huggingface_hub"
        ) from error
    try:
        wanted = [WEIGHTS, CONFIG, CARD, "README.md", TRAINING_INDEX, f"{ENCODER}/*"]
        folder = hub.snapshot_download(name, allow_patterns=wanted)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise CreativeMLError(f"there is no folder '{name}', and the hub gave no model: {reason}") from error
    return Path(folder)


def check_request(
    kinds: Sequence[str],
    *,
    kind: Kind,
    count: int,
    seed: int,
    truncation: float,
    tuning: int = 0,
    most: int = MAX_COUNT,
) -> None:
    """Refuse a request for sounds that cannot be met; `most` is the largest count.

    Raises:
        CreativeMLError: with the allowed values, and the nearest kind if there is one.
    """
    shares_of(kind, kinds)
    if not is_whole(count) or not 1 <= count <= most:
        raise CreativeMLError(f"count must be a whole number from 1 to {most}, got {quoted(count)}")
    if not is_whole(seed) or not 0 <= seed <= LAST_SEED - (count - 1):
        most = LAST_SEED - (count - 1)
        raise CreativeMLError(f"seed must be a whole number from 0 to {most} for {count} sounds, got {quoted(seed)}")
    if not is_number(truncation) or not 0 <= truncation <= MAX_TRUNCATION:
        raise CreativeMLError(f"truncation must be a number from 0 to {MAX_TRUNCATION}, got {quoted(truncation)}")
    if not is_whole(tuning) or not 0 <= tuning <= MAX_TUNING:
        raise CreativeMLError(f"tuning must be a whole number from 0 to {MAX_TUNING}, got {quoted(tuning)}")


def check_take(vary: float, take: int, stroke: int = 0) -> None:
    """Refuse a further take or stroke of a sound that cannot be made.

    Raises:
        CreativeMLError: with the allowed values.
    """
    if not is_number(vary) or not 0 <= vary <= 1:
        raise CreativeMLError(f"vary must be a number from 0 to 1, got {quoted(vary)}")
    for name, value in (("take", take), ("stroke", stroke)):
        if not is_whole(value) or not 0 <= value <= MAX_TAKE:
            raise CreativeMLError(f"{name} must be a whole number from 0 to {MAX_TAKE}, got {quoted(value)}")
    if vary and not take:
        raise CreativeMLError("take 0 is the sound itself, which does not vary; ask for take 1 or a later one")


def check_controls(info: ModelInfo, controls: Mapping[str, float]) -> None:
    """Refuse controls that a model does not have, and values that are no numbers.

    Raises:
        CreativeMLError: with the controls that it has, or the models that have some.
    """
    for name, value in controls.items():
        if not info.controls:
            raise CreativeMLError(
                f"the model '{info.name}' has no controls, so it cannot be asked for {quoted(name)}; {_who_has()}"
            )
        if name not in info.controls:
            near = difflib.get_close_matches(str(name)[:40], info.controls, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(info.controls)}"
            raise CreativeMLError(f"the model '{info.name}' has no control {quoted(name)}; {hint}")
        check_value(name, value)


def check_value(name: str, value: Any) -> None:
    """Refuse what cannot be the value of a descriptor."""
    if not is_number(value) or not -_LARGEST_VALUE < value < _LARGEST_VALUE:
        raise CreativeMLError(f"{name} must be a finite number, got {quoted(value)}")


def _who_has() -> str:
    having = [name for name, folder in bundled_instruments().items() if find_model(folder).controls]
    if having:
        return f"models that have some: {', '.join(having)}"
    return "none of the bundled models has any; `creativeml train drum_gan --controls all` trains one that has"


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)
