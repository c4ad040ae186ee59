"""Parts of the page against independent readers: PNG by Pillow, FLAC by soundfile, HTML by the standard parser."""

import base64
import html.parser
import io
import itertools
import json
import math

import numpy as np
import pytest
import soundfile
import torch

from creativeml.evaluation.page.charts import Axis, Mark, dots
from creativeml.evaluation.page.listening import Player, Sound
from creativeml.evaluation.page.markup import Html, el, join
from creativeml.evaluation.page.pictures import encoded, png_bytes, spectrogram

RATE = 44100


def test_whatever_is_no_markup_is_escaped():
    evil = '<img src=x onerror="bad()">'
    made = el("p", evil, el("b", evil), title=evil, cls=None, hidden=True, tabindex=0)
    assert isinstance(made, Html) and "<img" not in made and made.startswith('<p title="&lt;img')
    assert ' hidden tabindex="0">' in made and "class" not in made
    assert join([evil, None], 3) == "&lt;img src=x onerror=&quot;bad()&quot;&gt;3"

    tags = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    reader = Reader()
    reader.feed(made)
    assert [tag for tag, _ in tags] == ["p", "b"] and tags[0][1]["title"] == evil


def test_pictures_are_png_and_show_what_sounds():
    image = pytest.importorskip("PIL.Image")
    levels = np.linspace(0, 1, 30 * 40).reshape(30, 40)
    picture = image.open(io.BytesIO(png_bytes(levels))).convert("L")
    assert picture.size == (40, 30)
    brightness = np.asarray(picture).astype(float).ravel()
    assert (np.diff(brightness) >= 0).all() and brightness[-1] > 200 > 30 > brightness[0]
    time = torch.arange(RATE) / RATE
    tone = torch.sin(2 * torch.pi * 1000 * time) * (time < 0.5)
    uri = spectrogram(tone, RATE, 1.0, columns=100, rows=60)
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    pixels = np.asarray(image.open(io.BytesIO(data)).convert("L")).astype(float)
    assert pixels.shape == (60, 100)
    # Mel bands from 30 Hz at the bottom to 20 kHz at the top; the tone ends in the middle.
    mel = [2595 * math.log10(1 + f / 700) for f in (30, 1000, 20000)]
    expected = 59 - 60 * (mel[1] - mel[0]) / (mel[2] - mel[0])
    assert abs(pixels[:, 20].argmax() - expected) < 2
    assert pixels[:, 30].max() > 150 and pixels[:, 70].max() < 40


def test_sounds_come_back_from_their_base64():
    sound = torch.zeros(20000)
    sound[:9000] = 0.7 * torch.sin(torch.arange(9000) * 0.05)
    read, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded(sound, RATE))), dtype="float32")
    assert rate == RATE and len(read) == 9000
    assert np.abs(read - sound[:9000].numpy()).max() <= 0.5 / 32768 + 1e-7
    loud, _ = soundfile.read(io.BytesIO(base64.b64decode(encoded(3 * sound, RATE))))
    assert np.abs(loud).max() == pytest.approx(1, abs=1e-4)
    silent, _ = soundfile.read(io.BytesIO(base64.b64decode(encoded(torch.zeros(5000), RATE))))
    assert not silent.any() and len(silent) == 1024


def test_the_budget_is_kept_and_what_it_leaves_out_is_counted():
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    player = Player(RATE, budget=300_000)
    made = [player.button(Sound("noise", noise), 1.0) for _ in range(5)]
    taken = sum(map(len, player.sounds.values()))
    assert [button is not None for button in made] == [True] * len(player.sounds) + [False] * player.left_out
    assert 0 < taken < 300_000 and player.left_out > 0
    json.dumps(player.sounds)


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("values", [[0.0], [-0.3, 0.02, 7.8], [1e-6, 5e5], [-3.0, -1.0]])
def test_axes_keep_order_and_have_zero(values, linear):
    axis = Axis(values, linear=linear)
    places = [axis.at(v) for v in sorted([0.0, *values])]
    assert places == sorted(places) and all(axis.left - 1e-6 <= p <= axis.right + 1e-6 for p in places)
    ticks = sorted(axis.ticks())
    assert 0.0 in ticks and len(ticks) <= 12
    assert all(axis.at(b) - axis.at(a) >= 40 for a, b in itertools.pairwise(ticks))


def test_a_figure_that_could_not_be_had_leaves_the_others():
    picture = dots([Mark("a", "model", None), Mark("<b>", "other", 2.0, 1.0, 3.0)], title="t")
    assert "no figure" in picture and "&lt;b&gt;" in picture and "<b>" not in picture
