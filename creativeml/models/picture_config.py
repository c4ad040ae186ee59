"""The shape that models of short-time spectra share: sounds as pictures of bins and frames."""

from __future__ import annotations

from dataclasses import dataclass

from creativeml.kinds import KINDS


@dataclass(frozen=True)
class PictureConfig:
    """Sounds of a length as pictures, and resolutions from a coarse one to that of the picture."""

    kinds: tuple[str, ...] = KINDS
    sample_rate: int = 44100
    length_samples: int = 65536
    latent_dim: int = 64
    window_samples: int = 1024
    """Of the short-time transform; half of it is the height of the picture."""
    hop_samples: int = 256
    """From frame to frame."""
    channels: tuple[int, ...] = (256, 192, 128, 96, 64, 32)
    """Channels at each resolution, from the coarsest on; every further entry doubles both axes."""
    convs_per_level: int = 1
    """3x3 convolutions at each resolution."""
    patch: int = 2
    """The finest resolution deals with squares of so many pixels a side at once."""

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError("kinds must be given, each once")
        numbers = (self.sample_rate, self.length_samples, self.latent_dim, self.convs_per_level, self.patch)
        if min(*numbers, self.hop_samples, *self.channels, len(self.channels)) < 1:
            raise ValueError("all sizes must be at least 1, and there must be channels")
        if self.window_samples < 2 * self.hop_samples or self.window_samples % 2:
            raise ValueError(f"window_samples must be even and at least two hops, not {self.window_samples}")
        if self.length_samples % self.hop_samples:
            raise ValueError(f"length_samples must be a multiple of hop_samples, not {self.length_samples}")
        if self.bins % self.coarsening or self.frames % self.coarsening:
            raise ValueError(
                f"{len(self.channels)} resolutions and patches of {self.patch} need bins and frames in multiples of"
                f" {self.coarsening}, not {self.bins} and {self.frames}"
            )

    @property
    def condition_dim(self) -> int:
        """Size of the condition vector: one entry per kind."""
        return len(self.kinds)

    @property
    def bins(self) -> int:
        """Height of the picture."""
        return self.window_samples // 2

    @property
    def frames(self) -> int:
        """Width of the picture."""
        return self.length_samples // self.hop_samples

    @property
    def coarsening(self) -> int:
        """Pixels a side that one pixel of the coarsest resolution stands for."""
        return self.patch * 2 ** (len(self.channels) - 1)

    @property
    def coarsest(self) -> tuple[int, int]:
        """Height and width of the coarsest resolution."""
        return self.bins // self.coarsening, self.frames // self.coarsening
