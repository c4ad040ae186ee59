"""What the first layers of a trained classifier of drums make of a sound of any length."""

from __future__ import annotations

from functools import lru_cache

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.log_mel import decibels, mel_filters, power_spectrogram
from creativeml.losses.gram import gram
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.classifiers import views
from creativeml.models.classifiers.drum_classifier import DrumClassifier
from creativeml.models.gans.ear import BUNDLED
from creativeml.models.transfer.texture_net import window_samples

LOWEST_RATE = 40_000
"""Below this rate the classifier's upper bands would be empty, which it has never heard."""
WINDOW_S = 0.0232
_BLOCKS = 3
_ROWS = 8
_LOW_HZ, _HIGH_HZ = 30.0, 20000.0


class EarLayers:
    """Gram matrices of the stem and the first two blocks of the bundled ear.

    Gatys et al. (2016) take the layers of a network that was trained to recognise; this one recognises drums. It was
    trained at 44.1 kHz; at other rates its windows keep their length in seconds.

    Args:
        sample_rate: of the sounds, in Hz, at least `LOWEST_RATE`.
        classifier: whose first member listens; the bundled ear by default.
    """

    def __init__(self, sample_rate: int, classifier: DrumClassifier | None = None) -> None:
        model = bundled_ear() if classifier is None else classifier
        picture = model.members[0].picture
        assert isinstance(picture, nn.Sequential)
        self._layers = list(picture)[:_BLOCKS]
        self.window = window_samples(WINDOW_S, sample_rate)
        self._filters = mel_filters(sample_rate, self.window, model.config.bands, _LOW_HZ, _HIGH_HZ)

    def grams(self, sound: Tensor) -> list[Tensor]:
        """Matrices of a sound `(samples,)`, features being the channels in eight ranges of frequency each."""
        return self.grams_of_power(power_spectrogram(sound[None], self.window, self.window // 2)[0])

    def grams_of_power(self, power: Tensor) -> list[Tensor]:
        """The same from a power spectrogram `(bins, frames)` with hops of half a window."""
        x = views.scaled(decibels(self._filters.mT @ power))[None, None]
        found = []
        for layer in self._layers:
            x = layer(x)
            # Of 64, 32, 16 rows: a whole number goes into each range.
            rows = F.avg_pool2d(x, (x.shape[2] // _ROWS, 1))
            found.append(gram(rows[0].flatten(0, 1)))
        return found


@lru_cache(maxsize=1)
def bundled_ear() -> DrumClassifier:
    """The ear that comes with the package, in evaluation mode, without gradients of its weights."""
    model = from_pretrained(BUNDLED)
    assert isinstance(model, DrumClassifier)
    return model.requires_grad_(False)


def hears(sample_rate: int) -> bool:
    """Whether the trained layers can be asked at a rate."""
    return sample_rate >= LOWEST_RATE
