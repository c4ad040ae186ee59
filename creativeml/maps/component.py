"""The canvas map as text for a page: its script, whose parts are joined in order, and its style.

The interface is described at the top of `canvas_map.js`.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS: tuple[str, ...] = ("point_grid.js", "map_colours.js", "map_painter.js", "map_hands.js", "canvas_map.js")


def script() -> str:
    """Defines the class `CanvasMap`, and no other name, in the scope where it stands."""
    parts = "\n".join((HERE / name).read_text(encoding="utf-8") for name in PARTS)
    return f"const CanvasMap = (() => {{\n{parts}\nreturn CanvasMap;\n}})();\n"


def style() -> str:
    """The style sheet that belongs to the script."""
    return (HERE / "canvas_map.css").read_text(encoding="utf-8")
