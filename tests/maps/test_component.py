"""The canvas map's parts as text: whole, harmless to what stands beside them, and readable by all kinds of eyes."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from creativeml.maps.component import HERE, PARTS, script, style

# What dichromats see (Machado, Oliveira and Fernandes 2009, severity 1), of linear RGB.
EYES = {
    "three kinds of cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colours: list[str]) -> np.ndarray:
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.clip(rgb, 0, 1) @ XYZ.T / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def colours_of(theme: str) -> list[str]:
    text = (HERE / "map_colours.js").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith(f'{theme}: ["#'))
    return re.findall(r"#[0-9a-f]{6}", line)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", EYES)
def test_the_colours_of_kinds_stay_apart(theme, eyes):
    colours = colours_of(theme)
    assert len(colours) == 11
    seen = lab(linear(colours) @ EYES[eyes].T)
    apart = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
    assert apart > 25  # of CIE 1976; about 2.3 is just noticed


@pytest.mark.parametrize(("theme", "ground"), [("light", "#f7f5f1"), ("dark", "#131417")])
def test_every_colour_stands_out_from_the_ground(theme, ground):
    assert f"--map-ground: {ground}" in style()
    seen = lab(linear([*colours_of(theme), ground]))
    assert min(float(np.linalg.norm(c - seen[-1])) for c in seen[:-1]) > 25


def test_all_scripts_are_joined_and_fetch_nothing():
    assert {f"{HERE}/{name}" for name in PARTS} <= {str(p) for p in HERE.glob("*.js")}
    for banned in ("fetch(", "import ", "http:", "https:", "innerHTML", "eval("):
        assert banned not in script()
    assert script().startswith("const CanvasMap = ")
