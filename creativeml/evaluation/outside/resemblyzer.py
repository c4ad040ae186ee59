"""Resemblyzer's voice encoder (Wan, Wang, Papir, Lopez Moreno 2018, arXiv 1710.10467): an LSTM over mel frames."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.audio.slaney_mel import slaney_filters
from creativeml.evaluation.outside.front_end import pad_to, power_frames

RATE = 16000
DIMENSIONS = 256
_WINDOW, _HOP, _BANDS = 400, 160, 40
_FRAMES = 160
"""Of one part: 1.6 s."""
_STEP = 77
"""Frames from part to part: 1.3 parts a second."""
_COVERAGE = 0.75
"""What a last part must hold of a sound to count."""
_LEVEL = 10 ** (-30 / 20)
"""Effective value that quieter sounds are raised to."""


class Network(nn.Module):
    """Waveform → normalised mean of the encodings of its parts.

    The original first cuts away what it takes for no speech; of drums that would leave nothing, so it is not done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_BANDS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, DIMENSIONS)

    def encode(self, mels: Tensor) -> Tensor:
        """One part each: `(b, frames, 40)` → `(b, 256)`, of length 1."""
        _, (hidden, _) = self.lstm(mels)
        return functional.normalize(functional.relu(self.linear(hidden[-1])))

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 16 kHz → `(b, 256)`."""
        effective = sounds.square().mean(1, keepdim=True).sqrt()
        sounds = sounds * (_LEVEL / effective.clamp_min(1e-8)).clamp_min(1)
        starts = _starts(sounds.shape[1])
        padded = pad_to(sounds, (starts[-1] + _FRAMES) * _HOP)
        mels = power_frames(padded, _WINDOW, _HOP) @ slaney_filters(RATE, _WINDOW, _BANDS, 0, RATE / 2).to(sounds)
        parts = torch.stack([self.encode(mels[:, start : start + _FRAMES]) for start in starts])
        return functional.normalize(parts.mean(0))


def _starts(samples: int) -> list[int]:
    """First frames of the parts of a sound."""
    frames = -(-(samples + 1) // _HOP)
    starts = list(range(0, max(1, frames - _FRAMES + _STEP + 1), _STEP))
    covered = (samples - starts[-1] * _HOP) / (_FRAMES * _HOP)
    return starts[:-1] if covered < _COVERAGE and len(starts) > 1 else starts


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of `Network` from `pretrained.pt`; what only its training needed is left behind."""
    state = checkpoint["model_state"]
    return {name: state[name] for name in state if not name.startswith("similarity_")}
