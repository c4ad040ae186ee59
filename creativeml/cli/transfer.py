"""`creativeml transfer`: a sound in the style of another."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from creativeml.cli.progress import Bars
from creativeml.errors import CreativeMLError

if TYPE_CHECKING:
    from torch import Tensor

    from creativeml.audio.io import Audio


def transfer(
    content: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CONTENT")],
    style: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STYLE")],
    /,
    *,
    out: Path,
    preset: str | None = None,
    method: Literal["texture", "latent", "spectral"] | None = None,
    strength: float | None = None,
    timbre: float | None = None,
    rhythm: float | None = None,
    dynamics: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Play a sound, a drum loop say, in the style of another: your beat with the texture of this rain.

    The result is a 24-bit wav with the content's length, sample rate, channels and loudness. The same files and numbers
    give the same sound.

    Args:
        content: what is played (WAV, AIFF, FLAC, OGG, MP3, AU, CAF; mono or stereo, 8 to 192 kHz, up to 10 minutes).
        style: what it shall sound like; the same formats.
        out: the wav to be written.
        preset: settings of a name: woven, half-woven, sinking (texture), tinted, cast, breathing (spectral), replayed
            or understudy (latent). Other options that are given win over it.
        method: texture (any sounds, about a second of work for each second), latent (drum loops, played anew by the
            drum model) or spectral (filters, at once); texture if there is no preset.
        strength: 0 (the content) to 1 (all the way; without a preset).
        timbre: share of the way to the style's timbre, 0 to 1 (without a preset).
        rhythm: how far the content's rhythm is held, 0 to 1 (without a preset; texture).
        dynamics: share of the way to the style's dynamics, 0 (without a preset) to 1 (texture, spectral).
        seed: of what is drawn at random (texture, latent), 0 to 4294967295.
        overwrite: replace a file of the same name.
        json: print what was measured as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.audio.io import write_wav
    from creativeml.synthesis.style_transfer.engine import transfer as transferred

    numbers = {"strength": strength, "timbre": timbre, "rhythm": rhythm, "dynamics": dynamics}
    settings = _settings(preset, {"method": method, **numbers})
    if out.suffix.lower() != ".wav":
        raise CreativeMLError(f"{out}: only wav files are written; end its name in .wav")
    if out.exists() and not overwrite:
        raise CreativeMLError(f"{out}: is there already; choose another name or add --overwrite")
    played, given = _read(content), _read(style)
    sound, model = _tensor(played), _tensor(given)
    with Bars(unit="step") as bars:
        made = transferred(
            sound,
            model,
            played.sample_rate,
            **settings,
            seed=seed,
            style_rate=given.sample_rate,
            on_step=bars.step,
        )
    # A content beyond full scale, as float files may be, comes back as it was at strength 0.
    made = made / max(1.0, float(made.abs().max()))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_wav(out, made.numpy(), played.sample_rate)
    _tell(out, _measured(sound, model, made, played.sample_rate, given.sample_rate), json=json)
    return 0


def _settings(preset: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the preset, and over them those that were given."""
    from creativeml.synthesis.style_transfer.presets import Settings, preset_named

    known = Settings() if preset is None else preset_named(preset).settings
    return {**asdict(known), **{name: value for name, value in given.items() if value is not None}}


def _read(path: Path) -> Audio:
    from creativeml.audio.io import AudioLimits, read_audio
    from creativeml.synthesis.style_transfer.checks import LONGEST_S, RATES_HZ

    limits = AudioLimits(
        max_bytes=1 << 30,
        max_seconds=LONGEST_S,
        max_channels=2,
        min_rate_hz=RATES_HZ[0],
        max_rate_hz=RATES_HZ[1],
        max_values=1 << 28,
    )
    audio = read_audio(path, limits=limits)
    # Named by the file, where the engine could only say "the content".
    _check(path, audio)
    return audio


def _check(path: Path, audio: Audio) -> None:
    from creativeml.synthesis.style_transfer.checks import checked_sound

    try:
        checked_sound("sound", _tensor(audio), audio.sample_rate)
    except CreativeMLError as error:
        raise CreativeMLError(f"{path}: {error}") from error


def _tensor(audio: Audio) -> Tensor:
    import torch

    return torch.from_numpy(audio.samples)


def _measured(content: Tensor, style: Tensor, made: Tensor, sample_rate: int, style_rate: int) -> dict[str, float]:
    from creativeml.evaluation.style import onsets_kept, style_distance
    from creativeml.synthesis.style_transfer.checks import at_rate

    # A minute tells; ten would take longer than the quick methods do.
    heard = 60 * sample_rate
    aim = at_rate(style[:, : 60 * style_rate], style_rate, sample_rate)
    return {
        "seconds": made.shape[-1] / sample_rate,
        "style_distance_before": style_distance(content[:, :heard], aim, sample_rate),
        "style_distance": style_distance(made[:, :heard], aim, sample_rate),
        "onsets_kept": onsets_kept(content[:, :heard], made[:, :heard], sample_rate),
    }


def _tell(out: Path, measured: dict[str, float], *, json: bool) -> None:
    if json:
        print(json_format.dumps({"file": str(out), **measured}, ensure_ascii=False))
        return
    before, after = measured["style_distance_before"], measured["style_distance"]
    print(f"{out}  {measured['seconds']:.1f} s")
    kept = f"onsets kept: {measured['onsets_kept']:.2f}"
    print(f"distance from the style: {after:.3f}, the content's was {before:.3f}; {kept}")
