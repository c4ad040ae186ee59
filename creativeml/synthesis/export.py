"""Sounds as files: named 24-bit wavs beside a manifest that is enough to make the same sounds again."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from creativeml.audio.io import wav_bytes
from creativeml.config import ConfigError, from_dict, read_json, to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_bytes, atomic_write_json, sha256_bytes, sha256_file
from creativeml.kinds import Kind, kind_text, shares_of
from creativeml.synthesis.catalog import check_controls, check_request, check_take
from creativeml.synthesis.request import Request, file_name

if TYPE_CHECKING:
    from creativeml.synthesis.generate import Instrument

MANIFEST = "manifest.json"
FORMAT = 1
BIT_DEPTH = 24


@dataclass(frozen=True)
class SoundRecord:
    """One line of a manifest. `peak` is linear (1 is full scale), `sha256` that of the whole file.

    Of models with controls: `controls` are those that were asked for, `given` is what the model was told, feasible and
    with the others filled in, and `measured` what the sound has of what was asked for, as `creativeml describe` says;
    `tuning` counts the steps towards it. `vary`, `take` and `stroke` are those of a further take.
    """

    file: str
    kind: str
    seed: int
    truncation: float
    peak: float
    duration_s: float
    sha256: str
    controls: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    tuning: int = 0
    vary: float = 0.0
    take: int = 0
    stroke: int = 0

    @property
    def request(self) -> Request:
        """What to ask an instrument for to get this sound."""
        return Request(
            self.kind, self.seed, self.truncation, self.controls, self.tuning, self.vary, self.take, self.stroke
        )


@dataclass(frozen=True)
class ModelRecord:
    """The model of a manifest's sounds; `sha256` is that of its weights file."""

    name: str
    sha256: str
    licence: str = ""


@dataclass(frozen=True)
class Manifest:
    """Content of `manifest.json`: with the same model and version every sound in it can be made again."""

    model: ModelRecord
    sample_rate: int
    sounds: tuple[SoundRecord, ...]
    format: int = FORMAT
    made_by: str = "creativeml generate"
    version: str = ""
    bit_depth: int = BIT_DEPTH
    remake: str = field(default=f"creativeml generate --from {MANIFEST} --out FOLDER")


def plain(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON values: of a sound without controls, nothing about controls."""
    values = to_dict(manifest)
    values["sounds"] = [plain_record(sound) for sound in values["sounds"]]
    return values


def plain_record(sound: Mapping[str, Any]) -> dict[str, Any]:
    """A record's JSON values: what it does not use is not told."""
    names = ("controls", "given", "measured", "tuning", "vary", "take", "stroke")
    unused = {name for name in names if not sound[name]}
    return {name: value for name, value in sound.items() if name not in unused}


def requests_for(
    instrument: Instrument,
    kinds: Sequence[Kind],
    count: int,
    seed: int,
    truncation: float,
    controls: Mapping[str, float] | None = None,
    tuning: int = 0,
) -> list[Request]:
    """A row of `count` sounds for each kind or mixture, seeds counting up; CreativeMLError on a value out of range."""
    check_controls(instrument.info, controls or {})
    for kind in kinds:
        check_request(instrument.kinds, kind=kind, count=count, seed=seed, truncation=truncation, tuning=tuning)
    names = [kind_text(shares_of(kind, instrument.kinds)) for kind in kinds]
    asked = {name: float(value) for name, value in (controls or {}).items()}
    # Nothing to tune by is no tuning: the same sound has one name.
    steps = tuning if asked else 0
    return [Request(name, seed + i, float(truncation), asked, steps) for name in names for i in range(count)]


def export_sounds(
    instrument: Instrument,
    requests: Iterable[Request],
    folder: str | Path,
    *,
    overwrite: bool = False,
    on_file: Callable[[Path], object] | None = None,
) -> Manifest:
    """Write sounds as 24-bit wavs and add them to the folder's manifest.

    A file that is already there is kept if it holds the same bytes; another one under that name is an error.

    Args:
        instrument: makes the sounds, one at a time.
        requests: which sounds.
        folder: made if missing. If it holds a manifest of the same model and version, the sounds join it.
        overwrite: replace files of the same name, and a manifest of other origin, instead of refusing.
        on_file: called with each finished path.

    Returns:
        The manifest as it stands in the folder.

    Raises:
        CreativeMLError: a file or manifest of other origin is in the way, or the folder cannot be written.
    """
    folder = Path(folder)
    records = _known_sounds(instrument, folder, overwrite)
    try:
        try:
            for request in requests:
                record = _export_one(instrument, request, folder, overwrite)
                records[record.file] = record
                if on_file is not None:
                    on_file(folder / record.file)
        finally:
            # Also after Ctrl+C: what was written so far shall be listed.
            manifest = manifest_of(instrument, list(records.values()))
            if records:
                atomic_write_json(folder / MANIFEST, plain(manifest))
    except OSError as error:
        raise CreativeMLError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    return manifest


def manifest_of(instrument: Instrument, sounds: Sequence[SoundRecord]) -> Manifest:
    """The manifest of sounds that `instrument` made."""
    info = instrument.info
    return Manifest(
        model=ModelRecord(info.name, info.sha256, info.licence),
        sample_rate=instrument.sample_rate,
        sounds=tuple(sounds),
        version=info.version,
    )


def render(instrument: Instrument, request: Request, *, measure: bool = True) -> tuple[bytes, SoundRecord]:
    """One sound as the content of a 24-bit wav, and its line in a manifest.

    The wav's LIST INFO says which program, model, kind, seed, truncation and controls made it.

    Args:
        instrument: makes it.
        request: which sound.
        measure: the descriptors that were asked for, which takes longer than the sound itself.
    """
    r = request
    sound = instrument.sound(r.kind, r.seed, r.truncation, r.controls, r.tuning, r.vary, r.take, r.stroke)
    data = wav_bytes(sound.numpy(), instrument.sample_rate, bits=BIT_DEPTH, info=_info(instrument, r))
    record = SoundRecord(
        file=file_name(r),
        kind=r.kind,
        seed=r.seed,
        truncation=r.truncation,
        peak=round(float(sound.abs().max()), 6),
        duration_s=round(sound.shape[-1] / instrument.sample_rate, 6),
        sha256=sha256_bytes(data),
        controls=dict(r.controls),
        given=instrument.given(r.kind, r.seed, r.truncation, r.controls),
        measured=measured([data], r.controls)[0] if measure and r.controls else {},
        tuning=r.tuning,
        vary=r.vary,
        take=r.take,
        stroke=r.stroke,
    )
    return data, record


def measured(files: Sequence[bytes], names: Iterable[str], *, smooth: bool = False) -> list[dict[str, float]]:
    """Descriptors of rendered sounds as manifests and pages say them: for each, name → value to five digits.

    Args:
        files: contents of wavs, all of one length.
        names: which.
        smooth: by the fast faces, which are nearly right, instead of the exact ones: those of `creativeml describe`.
    """
    # Not at the top: torch loads for a second, which pages need not wait for.
    import torch

    from creativeml.audio.descriptors.registry import describe
    from creativeml.threads import threads

    heard = [soundfile.read(BytesIO(data), dtype="float32") for data in files]
    sounds = torch.stack([torch.from_numpy(samples) for samples, _ in heard])
    # One thread: the next sounds may be wanted meanwhile.
    with threads(1):
        values = describe(sounds, heard[0][1], names, smooth=smooth)
    return [{name: float(f"{float(value[i]):.5g}") for name, value in values.items()} for i in range(len(sounds))]


def _info(instrument: Instrument, request: Request) -> dict[str, str]:
    info = instrument.info
    made = f"model={info.name} weights={info.sha256[:16]} kind={request.kind} seed={request.seed} "
    asked = "".join(f" {name}={value:g}" for name, value in request.controls.items())
    asked += f" tuning={request.tuning}" if request.tuning else ""
    asked += f" vary={request.vary:g} take={request.take}" if request.take else ""
    asked += f" stroke={request.stroke}" if request.stroke else ""
    return {
        "INAM": Path(file_name(request)).stem,
        "ISFT": f"creativeml {info.version}",
        "ICMT": made + f"truncation={request.truncation:g}{asked}",
    }


def _export_one(instrument: Instrument, request: Request, folder: Path, overwrite: bool) -> SoundRecord:
    data, record = render(instrument, request)
    target = folder / record.file
    if target.exists():
        if target.is_file() and sha256_file(target) == record.sha256:
            return record
        if not overwrite:
            raise CreativeMLError(
                f"{target}: another file of that name is there; give another --out, or --overwrite to replace it"
            )
    atomic_write_bytes(target, data)
    return record


def _known_sounds(instrument: Instrument, folder: Path, overwrite: bool) -> dict[str, SoundRecord]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        return _listed_sounds(instrument, path)
    except CreativeMLError:
        if overwrite:
            return {}
        raise


def _listed_sounds(instrument: Instrument, path: Path) -> dict[str, SoundRecord]:
    remedy = "give another --out, or --overwrite to replace it"
    try:
        manifest = read_manifest(path)
    except CreativeMLError as error:
        raise CreativeMLError(f"{path}: is there and is not ours ({error}); {remedy}") from error
    mine = (instrument.info.sha256, instrument.info.version)
    if (manifest.model.sha256, manifest.version) != mine:
        raise CreativeMLError(f"{path}: lists sounds of another model or version of creativeml; {remedy}")
    return {s.file: s for s in manifest.sounds if (path.parent / s.file).is_file()}


def read_manifest(path: str | Path) -> Manifest:
    """Read a `manifest.json` strictly.

    Raises:
        ConfigError: no such file, not JSON, fields that do not fit, or file names that leave the folder.
    """
    values = read_json(path)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ConfigError(f"{path}: not a manifest of `creativeml generate` (format {FORMAT})")
    manifest = from_dict(Manifest, values, where=str(path))
    for sound in manifest.sounds:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,59}\.wav", sound.file):
            raise ConfigError(f"{path}: '{sound.file[:80]}' is not a file name that creativeml gives to a sound")
    return manifest


def remake(
    manifest: Manifest,
    instrument: Instrument,
    folder: str | Path,
    *,
    overwrite: bool = False,
    on_file: Callable[[Path], object] | None = None,
) -> tuple[Manifest, list[str]]:
    """Make every sound of a manifest again.

    Returns:
        The manifest of the new files, and the names of those whose bytes differ from the old ones (another
        version of torch or another processor can round differently; the ear does not notice).

    Raises:
        CreativeMLError: the instrument holds other weights than the manifest names, or see `export_sounds`.
    """
    if manifest.model.sha256 != instrument.info.sha256:
        raise CreativeMLError(
            f"the manifest's sounds are by the model '{manifest.model.name}' (weights "
            f"{manifest.model.sha256[:12]}...), not by '{instrument.info.name}' "
            f"({instrument.info.sha256[:12]}...); name the right one with --model"
        )
    requests = checked(instrument, [s.request for s in manifest.sounds])
    made = export_sounds(instrument, requests, folder, overwrite=overwrite, on_file=on_file)
    hashes = {s.request: s.sha256 for s in made.sounds}
    pairs = zip(manifest.sounds, requests, strict=True)
    return made, [s.file for s, request in pairs if hashes[request] != s.sha256]


def zip_sounds(
    instrument: Instrument,
    requests: Sequence[Request],
    make: Callable[[Request], tuple[bytes, SoundRecord]] | None = None,
) -> bytes:
    """The wavs and their manifest as a zip archive, the same bytes for the same sounds.

    Args:
        instrument: makes the sounds.
        requests: which.
        make: gives what `render` would, where some have been made before.

    Raises:
        CreativeMLError: a request is out of range.
    """
    requests = checked(instrument, requests)
    files: dict[str, bytes] = {}
    records: dict[str, SoundRecord] = {}
    for request in dict.fromkeys(requests):
        data, record = render(instrument, request) if make is None else make(request)
        files[record.file], records[record.file] = data, record
    return archive_of(files, plain(manifest_of(instrument, list(records.values()))))


def archive_of(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> bytes:
    """Files by name, and a manifest of JSON values after them, as a zip archive."""
    archive = BytesIO()
    # Stored and undated: sounds hardly shrink, and the bytes then depend on nothing but the sounds.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for name, data in files.items():
            bundle.writestr(_entry(name), data)
        bundle.writestr(_entry(MANIFEST), json.dumps(manifest, indent=2) + "\n")
    return archive.getvalue()


def checked(instrument: Instrument, requests: Iterable[Request]) -> list[Request]:
    """The requests with every mixture by its one name.

    Raises:
        CreativeMLError: a request that the instrument cannot meet.
    """
    for r in requests:
        check_request(instrument.kinds, kind=r.kind, count=1, seed=r.seed, truncation=r.truncation, tuning=r.tuning)
        check_controls(instrument.info, r.controls)
        check_take(r.vary, r.take, r.stroke)
    return [replace(r, kind=kind_text(shares_of(r.kind, instrument.kinds))) for r in requests]


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry
