"""`creativeml generate`: drum sounds as wav files, and the manifest to make them again."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from creativeml.config import to_dict
from creativeml.errors import CreativeMLError


def generate(
    *,
    out: Path,
    kind: str = "kick",
    count: int = 8,
    seed: int = 0,
    truncation: float = 1.0,
    model: str = "drums",
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Make drum sounds: 24-bit 44.1 kHz mono wavs at -1 dBFS peak, and a manifest.json to make them again.

    The same model, kind, seed and truncation give the same bytes. Each file's name carries its own seed, so
    `--seed 12 --count 1` makes the file `..._s0012.wav` of a row that began at seed 8 again.

    Args:
        out: folder for the wavs; made if missing.
        kind: kick, snare, hat_closed, ... or `all` for a row of every kind that the model knows.
        count: sounds per kind, 1 to 1024.
        seed: number of the first sound, 0 to 4294967295; the others count up from it.
        truncation: variation, 0 (every sound near the kind's average) to 1.5 (wild); 1 is as trained.
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        from_: a manifest.json: make its sounds again (kind, count, seed and truncation are then not looked
            at).
        overwrite: replace other files of the same name.
        json: print the result as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.synthesis import export
    from creativeml.synthesis.generate import load

    manifest = export.read_manifest(from_) if from_ is not None else None
    instrument = load(model)
    differing: list[str] = []
    if manifest is not None:
        with _progress(len(manifest.sounds)) as bar:
            made, differing = export.remake(
                manifest, instrument, out, overwrite=overwrite, on_file=lambda _: bar.update()
            )
        files = [s.file for s in manifest.sounds]
    else:
        kinds = list(instrument.kinds) if kind == "all" else [kind]
        requests = export.requests_for(instrument, kinds, count, seed, truncation)
        with _progress(len(requests)) as bar:
            made = export.export_sounds(instrument, requests, out, overwrite=overwrite, on_file=lambda _: bar.update())
        files = [export.file_name(r) for r in requests]
    if json:
        print(
            json_format.dumps({"folder": str(out), "files": files, "differing": differing, "manifest": to_dict(made)})
        )
    else:
        _tell(out, files, differing, remade=manifest is not None)
    return 0


def _progress(total: int) -> tqdm:
    # Shown only when it lasts, and only to a person.
    return tqdm(total=total, unit="sound", delay=1, disable=None, leave=False)


def _tell(out: Path, files: list[str], differing: list[str], *, remade: bool) -> None:
    if not files:
        raise CreativeMLError("the manifest lists no sounds")
    for name in files:
        print(out / name)
    print(f"{len(files)} sound{'s' if len(files) != 1 else ''} in {out}, listed in manifest.json")
    if remade and not differing:
        print("all have the same bytes as the manifest says")
    if differing:
        print(
            f"{len(differing)} of {len(files)} differ in rounding from the manifest "
            "(another processor or torch): " + ", ".join(differing[:8])
        )
