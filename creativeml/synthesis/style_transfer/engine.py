"""One call for every method: a content in the style of another sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.catalog import LAST_SEED
from creativeml.synthesis.style_transfer.checks import at_rate, check_rate, check_share, checked_sound, make_as_loud_
from creativeml.synthesis.style_transfer.chunks import Stretch, joined, stretches
from creativeml.synthesis.style_transfer.downmix import downmix, level_gain
from creativeml.synthesis.style_transfer.frames import Frames
from creativeml.synthesis.style_transfer.latent import LatentTransfer
from creativeml.synthesis.style_transfer.profile import profile_of
from creativeml.synthesis.style_transfer.reach import Listener
from creativeml.synthesis.style_transfer.spectral import SpectralTransfer
from creativeml.synthesis.style_transfer.texture import TextureConfig, TextureTransfer
from creativeml.threads import threads

Method = Literal["texture", "latent", "spectral"]
METHODS: tuple[str, ...] = get_args(Method)
OnStep = Callable[[str, int, int], None]

CHUNK_S: dict[str, float] = {"texture": 6.0, "latent": 30.0, "spectral": 10.0}
OVERLAP_S = 0.5
_NAMES = {"texture": "weaving", "latent": "playing", "spectral": "filtering"}


def transfer(
    content: Tensor,
    style: Tensor,
    sample_rate: int,
    *,
    strength: float = 1.0,
    method: Method = "texture",
    timbre: float = 1.0,
    rhythm: float = 1.0,
    dynamics: float = 0.0,
    seed: int = 0,
    style_rate: int | None = None,
    config: TextureConfig | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """A content in the style of another sound: its hits and their times, with the other's timbre and texture.

    Methods, see their classes for what they are after:

    - *texture* (`TextureTransfer`): Gram matrices of networks, Gatys et al. 2016, on sound Ulyanov and Lebedev 2016 and
      Grinstein et al. 2018. Any content, any style; seconds of work.
    - *latent* (`LatentTransfer`): hits moved in a generator's latent space as Huang and Belongie 2017 move features.
      For drum loops; the sounds come from the drum model.
    - *spectral* (`SpectralTransfer`): optimal transport of spectra, Olkin and Pukelsheim 1982, Pitié et al. 2005. At
      once; keeps the content's fine structure.

    The result has the content's length, channels and loudness (less where its peak would exceed full scale). Long
    sounds are made in stretches, faded into one another. The same arguments give the same bytes on the same machine.

    Args:
        content: `(samples,)` or `(channels, samples)`, 1 or 2 channels, 0.05 s to 10 minutes.
        style: the same; its channels and length may differ.
        sample_rate: of the content and the result, in Hz, 8,000 to 192,000.
        strength: 0 returns the content, 1 goes all the way.
        method: see above.
        timbre: share of the way to the style's timbre, 0 to 1.
        rhythm: 1 keeps the content's rhythm; with less, *texture* lets go of it.
        dynamics: share of the way to the style's distribution of levels, 0 to 1 (not *latent*).
        seed: of what is drawn at random, by *texture* and *latent*.
        style_rate: of the style, if another.
        config: of *texture*.
        on_step: called with what is being done, how much of it is done and how much there is.

    Raises:
        CreativeMLError: a sound that is silent, too short, too long, not finite or of another shape, or a number out of
            its range.
    """
    if method not in METHODS:
        raise CreativeMLError(f"method must be one of {', '.join(METHODS)}, got {quoted(method)}")
    for name, value in {"strength": strength, "timbre": timbre, "rhythm": rhythm, "dynamics": dynamics}.items():
        check_share(name, value)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LAST_SEED:
        raise CreativeMLError(f"seed must be a whole number from 0 to {LAST_SEED}, got {quoted(seed)}")
    for rate in (sample_rate, style_rate or sample_rate):
        check_rate(rate)
    played = checked_sound("content", content, sample_rate)
    given = checked_sound("style", style, style_rate or sample_rate)
    if strength == 0:
        return content.detach().clone().float()
    given = at_rate(given, style_rate or sample_rate, sample_rate)
    with threads(1):
        if method == "latent":
            latent = LatentTransfer(given, sample_rate, timbre=timbre, seed=seed)
            made = latent.render(played, strength, on_step)
        else:
            made = _by_frames(
                played, given, sample_rate, strength, method, timbre, rhythm, dynamics, seed, config, on_step
            )
        made = make_as_loud_(made, played, sample_rate)
    return made.reshape(content.shape)


def _by_frames(
    played: Tensor,
    given: Tensor,
    sample_rate: int,
    strength: float,
    method: str,
    timbre: float,
    rhythm: float,
    dynamics: float,
    seed: int,
    config: TextureConfig | None,
    on_step: OnStep | None,
) -> Tensor:
    """The methods that change short-time spectra, stretch by stretch; sounds are `(channels, samples)`."""
    frames = Frames(sample_rate)
    gain, style_gain = level_gain(played), level_gain(given)
    heard = downmix(played).mul_(gain)
    aim = downmix(given).mul_(style_gain)
    style = profile_of(aim, frames)
    parts = stretches(played.shape[-1], round(CHUNK_S[method] * sample_rate), round(OVERLAP_S * sample_rate))
    if method == "spectral":
        spectral = SpectralTransfer(heard, style, frames, timbre, dynamics, Listener(aim, sample_rate))
        del heard

        def render(part: Stretch) -> Tensor:
            made = spectral.render(played[:, part.first : part.after] * gain, strength)
            if on_step is not None:
                on_step(_NAMES[method], part.number + 1, len(parts))
            return made

        return joined(parts, played.shape[-1], render)
    texture = TextureTransfer(
        heard,
        style,
        given * style_gain,
        frames,
        timbre=timbre,
        rhythm_kept=rhythm,
        dynamics=dynamics,
        seed=seed,
        config=config,
    )
    del heard

    def weave(part: Stretch) -> Tensor:
        def told(done: int, total: int) -> None:
            if on_step is not None:
                on_step(_NAMES[method], part.number * total + done, len(parts) * total)

        return texture.render(played[:, part.first : part.after] * gain, part, strength, told)

    return joined(parts, played.shape[-1], weave)
