"""The picture of a training shows its losses, and which weights were kept, at their places."""

from dataclasses import replace

import numpy as np
import pytest

from creativeml.training.curves import draw_curves
from creativeml.training.loop import History

image = pytest.importorskip("matplotlib.image")
FALLING = History(training=[2.0, 1.0, 0.5, 0.25], validation=[2.1, 1.5, 1.4, 1.9], steps=[10, 20, 30, 40], best=30)
BLUE, ORANGE = (0x1F, 0x77, 0xB4), (0xFF, 0x7F, 0x0E)


def drawn(path, history):
    draw_curves(path, history, title="a training")
    picture = np.round(255 * image.imread(path)[..., :3]).astype(int)
    assert picture.shape == (360, 540, 3)
    return picture


def places(picture, colour):
    """Rows and columns of a colour."""
    rows, columns = np.nonzero((np.abs(picture - np.array(colour)) <= 8).all(-1))
    return rows, columns


def test_both_losses_are_drawn_and_fall_where_they_fall(tmp_path):
    picture = drawn(tmp_path / "curves.png", FALLING)
    for colour in (BLUE, ORANGE):
        rows, columns = places(picture, colour)
        left, right = (rows[(columns >= low) & (columns < high)] for low, high in ((0, 120), (260, 350)))
        # Rows count from the top: a lower loss lies further down.
        assert left.mean() < right.mean()
    picture = drawn(tmp_path / "alone.png", replace(FALLING, validation=[], best=40))
    assert len(places(picture, ORANGE)[0]) == 0 and len(places(picture, BLUE)[0]) > 100


def test_the_kept_step_is_marked_at_its_place(tmp_path):
    found = []
    for best in (20, 30):
        picture = drawn(tmp_path / f"{best}.png", replace(FALLING, best=best))
        grey = (np.abs(picture - 128) <= 8).all(-1)
        found.append(int(grey[150:300].sum(0).argmax()))
    steps = (found[1] - found[0]) / 10
    columns = np.nonzero((np.abs(drawn(tmp_path / "again.png", FALLING) - np.array(BLUE)) <= 8).all(-1)[150:])[1]
    # The training loss ends at step 40, ten steps after the second mark.
    assert steps > 5 and abs(columns.max() - found[1] - 10 * steps) < 5


def test_losses_below_zero_are_within_the_picture(tmp_path):
    """Likelihoods of densities: the axis reaches down to them."""
    picture = drawn(tmp_path / "curves.png", History(training=[1.0, -3.0], steps=[1, 2], best=2))
    rows, columns = places(picture, BLUE)
    assert columns.max() > 450 and rows[columns > 450].max() > 250
