"""The sounds made of a recording as files: wavs, and `resynthesis.json` with what was asked and measured of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from creativeml.audio.io import wav_bytes
from creativeml.config import read_json, to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_bytes, atomic_write_json, sha256_bytes
from creativeml.synthesis.catalog import DEFAULT_TUNING
from creativeml.synthesis.export import BIT_DEPTH, ModelRecord
from creativeml.synthesis.resynthesis import Found, Nearness, measured

MANIFEST = "resynthesis.json"
FORMAT = 1


@dataclass(frozen=True)
class Variant:
    """One sound to make: the arguments of `Found.sound`."""

    controls: Mapping[str, float] = field(default_factory=dict)
    variation: float = 0.0
    seed: int = 0
    tuning: int = DEFAULT_TUNING

    @property
    def word(self) -> str:
        """What its file is called after the recording's name."""
        if self.variation:
            return f"{'changed' if self.controls else 'variation'}_s{self.seed:04d}"
        return "changed" if self.controls else "reconstruction"


@dataclass(frozen=True)
class VariantRecord:
    """One sound of a manifest.

    Attributes:
        file: its name.
        variant: how it was made.
        given: its controls after what does not occur was brought to the nearest that does.
        measured: descriptors of the sound, by the exact faces.
        distance: from the recording in dB (`losses.matching`).
        peak: linear, 1 is full scale.
        sha256: of the file.
    """

    file: str
    variant: Variant
    given: Mapping[str, float]
    measured: Mapping[str, float]
    distance: float
    peak: float
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Content of `resynthesis.json`; `descriptors` are the recording's own."""

    model: ModelRecord
    recording: str
    kind: str
    descriptors: Mapping[str, float]
    nearness: Nearness
    notes: tuple[str, ...]
    sample_rate: int
    sounds: tuple[VariantRecord, ...]
    format: int = FORMAT
    made_by: str = "creativeml resynthesize"
    version: str = ""
    bit_depth: int = BIT_DEPTH


def export_found(
    found: Found,
    variants: Iterable[Variant],
    folder: str | Path,
    *,
    overwrite: bool = False,
    on_file: Callable[[int], object] = lambda done: None,
) -> Manifest:
    """Write some of the sounds of a recording, 24-bit wavs, and their manifest.

    Args:
        found: by `analyze`.
        variants: which sounds.
        folder: made if missing.
        overwrite: replace files of the same names instead of refusing.
        on_file: is told how many are written.

    Raises:
        CreativeMLError: the folder holds such files already or cannot be written, two variants would have the same
            name, or a sound cannot be made.
    """
    folder = Path(folder)
    files = files_of(found.name, variants)
    check_free(folder, files, overwrite=overwrite)
    records = []
    try:
        _remove_former(folder, files)
        for file, variant in files.items():
            data, record = _rendered(found, variant, file)
            atomic_write_bytes(folder / file, data)
            records.append(record)
            on_file(len(records))
        manifest = _manifest_of(found, records)
        atomic_write_json(folder / MANIFEST, to_dict(manifest))
    except OSError as error:
        raise CreativeMLError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    return manifest


def files_of(name: str, variants: Iterable[Variant]) -> dict[str, Variant]:
    """Names of the files of a recording's variants.

    Raises:
        CreativeMLError: two would have the same.
    """
    files: dict[str, Variant] = {}
    for variant in variants:
        file = f"{_file_word(name)}_{variant.word}.wav"
        if file in files:
            raise CreativeMLError(f"two variants would both be {file}; give them other seeds, or a folder each")
        files[file] = variant
    return files


def _remove_former(folder: Path, files: Iterable[str]) -> None:
    """Remove the sounds of the manifest that is about to be replaced, but for those that are as well."""
    if (folder / MANIFEST).is_file():
        former = read_json(folder / MANIFEST)
        sounds = former.get("sounds", ()) if isinstance(former, dict) else ()
        for file in {str(s.get("file")) for s in sounds if isinstance(s, dict)} - set(files):
            # Only what lies in the folder itself: a manifest may come from anybody.
            if Path(file).name == file and file.endswith(".wav"):
                (folder / file).unlink(missing_ok=True)


def check_free(folder: str | Path, files: Iterable[str] = (), *, overwrite: bool = False) -> None:
    """Refuse a folder that holds a manifest of resynthesis, or one of these files, unless they may be overwritten."""
    taken = [Path(folder) / file for file in (MANIFEST, *files) if (Path(folder) / file).exists()]
    if taken and not overwrite:
        raise CreativeMLError(f"{taken[0]} exists already; give another --out, or --overwrite to replace it")


def _manifest_of(found: Found, records: Iterable[VariantRecord]) -> Manifest:
    info = found.instrument.info
    return Manifest(
        model=ModelRecord(info.name, info.sha256, info.licence),
        recording=found.name,
        kind=found.kind,
        descriptors=found.descriptors,
        nearness=found.nearness,
        notes=found.notes,
        sample_rate=found.instrument.sample_rate,
        sounds=tuple(records),
        version=info.version,
    )


def _rendered(found: Found, variant: Variant, file: str) -> tuple[bytes, VariantRecord]:
    info, rate = found.instrument.info, found.instrument.sample_rate
    sound = found.sound(variant.controls, variant.variation, variant.seed, variant.tuning)
    made = f"model={info.name} weights={info.sha256[:16]} kind={found.kind} variation={variant.variation:g}"
    texts = {
        "INAM": Path(file).stem,
        "ISFT": f"creativeml {info.version}",
        "ICMT": f"{made} seed={variant.seed}" + "".join(f" {n}={v:g}" for n, v in variant.controls.items()),
    }
    data = wav_bytes(sound.numpy(), rate, bits=BIT_DEPTH, info=texts)
    record = VariantRecord(
        file=file,
        variant=variant,
        given=found.feasible(variant.controls).values,
        measured=measured(sound, found.instrument),
        distance=round(found.distance(sound), 3),
        peak=round(float(sound.abs().max()), 6),
        sha256=sha256_bytes(data),
    )
    return data, record


def _file_word(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain)[:40].strip("_-") or "sound"
