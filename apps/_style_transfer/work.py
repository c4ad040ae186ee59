"""What the worker does: one transfer, its loudness-true blends with the content, and figures on how well it went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from _shared.jobs import Job
from torch import Tensor
from torch.overrides import TorchFunctionMode

from _style_transfer.sounds import BLENDS
from creativeml.errors import CreativeMLError, quoted
from creativeml.evaluation.style import onsets_kept, style_distance
from creativeml.synthesis.catalog import LAST_SEED, is_whole
from creativeml.synthesis.style_transfer.checks import PEAK, at_rate, check_share, loudness
from creativeml.synthesis.style_transfer.engine import METHODS, Method, transfer

HEARD_S = 20.0
"""So much is listened to for the figures."""
# What share of the work has been done when a stage begins, and what share the stage is.
_STAGES = {"listening": (0.02, 0.3), "playing": (0.32, 0.58), "weaving": (0.06, 0.84), "filtering": (0.1, 0.8)}
_LAST = 0.9


@dataclass(frozen=True)
class Settings:
    """Of a transfer; see `creativeml.synthesis.style_transfer.engine.transfer`."""

    method: Method = "texture"
    strength: float = 1.0
    rhythm: float = 1.0
    timbre: float = 1.0
    dynamics: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise CreativeMLError(f"method must be one of {', '.join(METHODS)}, got {quoted(self.method)}")
        for name in ("strength", "rhythm", "timbre", "dynamics"):
            check_share(name, getattr(self, name))
        if not is_whole(self.seed) or not 0 <= self.seed <= LAST_SEED:
            raise CreativeMLError(f"seed must be a whole number from 0 to {LAST_SEED}, got {quoted(self.seed)}")

    def text(self) -> str:
        """As one word of `key=value` each."""
        return " ".join(f"{key}={value}" for key, value in vars(self).items())


@dataclass(frozen=True)
class Made:
    """A transfer.

    Attributes:
        samples: `(channels, samples)`, within full scale.
        gains: of content and result at each step of the blend.
        figures: "style" and "style_before": distances from the style; "onsets": share of the content's that stayed;
            "louder_db": loudness beside the content's.
        seconds: of work.
    """

    samples: np.ndarray
    gains: tuple[tuple[float, float], ...]
    figures: dict[str, float]
    seconds: float


class Watched(TorchFunctionMode):
    """Calls back at each function of torch: long computations look up though they know nothing of it."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__()
        self._check = check

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # Afterwards: a function may be what ends a context, such as one without gradients, and must not be left out.
        self._check()
        return result


def perform(job: Job, content: np.ndarray, rate: int, style: np.ndarray, style_rate: int, settings: Settings) -> Made:
    """Transfer a style, reporting to a job.

    Args:
        job: reported to, and looked at for whether to stop.
        content, style: `(channels, samples)`.
        rate, style_rate: in Hz.
        settings: of the transfer.

    Raises:
        CreativeMLError: sounds that cannot be transferred.
        Stopped: nobody wants it any more.
    """
    began = time.monotonic()
    played, given = torch.from_numpy(content), torch.from_numpy(style)
    job.report("preparing", 0.0)

    def on_step(stage: str, done: int, total: int) -> None:
        first, share = _STAGES.get(stage, (0.0, _LAST))
        job.report(stage, first + share * done / max(1, total))

    with torch.enable_grad(), Watched(job.check):
        made = transfer(
            played,
            given,
            rate,
            strength=settings.strength,
            method=settings.method,
            timbre=settings.timbre,
            rhythm=settings.rhythm,
            dynamics=settings.dynamics,
            seed=settings.seed,
            style_rate=style_rate,
            on_step=on_step,
        )
        job.report("measuring", _LAST)
        made = made / max(1.0, float(made.abs().max()))
        gains = even_gains(played, made)
        job.report("measuring", 0.95)
        figures = _figures(played, rate, given, style_rate, made)
    return Made(made.numpy(), gains, figures, time.monotonic() - began)


def warm_up(job: Job) -> None:
    """Load what the first transfer would load, so that no musician waits for it."""
    noise = 0.1 * torch.randn(1, 22050, generator=torch.Generator().manual_seed(0))
    noise[:, ::5000] = 0.9
    methods: tuple[Method, ...] = ("texture", "latent", "spectral")
    for method in methods:
        job.check()
        perform(job, noise.numpy(), 44100, noise.flip(1).numpy(), 44100, Settings(method))


def even_gains(content: Tensor, result: Tensor) -> tuple[tuple[float, float], ...]:
    """Gains of content and result from the one to the other, so that the level goes straight from that of the one to
    that of the other.

    What they have in common adds up, what they have not does not, so plain shares would sink in between: the gains
    depend on how alike they are. A blend that would exceed full scale is lowered.
    """
    own, other = (float(sound.double().square().mean().sqrt()) for sound in (content, result))
    alike = float((content.double() * result).mean()) / max(own * other, 1e-20)
    alike = min(1.0, max(0.0, alike))
    gains = []
    for step in range(BLENDS + 1):
        share = step / BLENDS
        first, second = (1 - share) * own, share * other
        power = first**2 + second**2 + 2 * first * second * alike
        norm = (first + second) / max(power, 1e-20) ** 0.5
        pair = (1 - share) * norm, share * norm
        peak = float((pair[0] * content + pair[1] * result).abs().max())
        fit = PEAK / peak if peak > 1.0 else 1.0
        gains.append((pair[0] * fit, pair[1] * fit))
    return tuple(gains)


def blended(content: np.ndarray, result: np.ndarray, gains: tuple[float, float]) -> np.ndarray:
    """`(channels, samples)`, within full scale."""
    mixed = gains[0] * content.astype(np.float64) + gains[1] * result
    return mixed.clip(-1.0, 1.0)


def _figures(content: Tensor, rate: int, style: Tensor, style_rate: int, made: Tensor) -> dict[str, float]:
    heard = round(HEARD_S * rate)
    aim = at_rate(style[:, : round(HEARD_S * style_rate)], style_rate, rate)
    before, after = (style_distance(sound[:, :heard], aim, rate) for sound in (content, made))
    kept = onsets_kept(content[:, :heard], made[:, :heard], rate)
    levels = [loudness(sound[:, :heard], rate) for sound in (made, content)]
    louder = levels[0] - levels[1] if all(map(math.isfinite, levels)) else 0.0
    return {"style_before": before, "style": after, "onsets": kept, "louder_db": louder}
