"""Settings of a transfer of style that have a name."""

from __future__ import annotations

from dataclasses import dataclass

from creativeml.errors import CreativeMLError, quoted


@dataclass(frozen=True)
class Settings:
    """What `creativeml.synthesis.style_transfer.engine.transfer` is asked for besides its sounds; see there."""

    method: str = "texture"
    strength: float = 1.0
    timbre: float = 1.0
    rhythm: float = 1.0
    dynamics: float = 0.0


@dataclass(frozen=True)
class Preset:
    """Settings under a name.

    Attributes:
        name: one word or two, for commands and menus.
        sentence: what becomes of the sound.
        settings: how.
    """

    name: str
    sentence: str
    settings: Settings


PRESETS: tuple[Preset, ...] = (
    Preset("woven", "The beat stays, and all that is heard of it is the style's material.", Settings("texture")),
    Preset(
        "half-woven",
        "The drums are still there, with the style's material grown around them.",
        Settings("texture", strength=0.5),
    ),
    Preset(
        "sinking",
        "The beat is half drowned in the style, a pulse more than hits.",
        Settings("texture", rhythm=0.4),
    ),
    Preset("tinted", "The same recording in the light of the style.", Settings("spectral", strength=0.5)),
    Preset("cast", "The same hits, cast in the style's spectrum as far as a filter can.", Settings("spectral")),
    Preset(
        "breathing",
        "As cast, and its loud and quiet moments are spread as the style's are.",
        Settings("spectral", dynamics=0.6),
    ),
    Preset("replayed", "The drum model plays the beat on drums like the style's.", Settings("latent")),
    Preset(
        "understudy",
        "Half the recorded drums, half drums that the model plays near the style.",
        Settings("latent", strength=0.6),
    ),
)


def preset_named(name: str) -> Preset:
    """The preset of a name.

    Raises:
        CreativeMLError: there is none.
    """
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise CreativeMLError(f"no preset {quoted(name)}; known: {', '.join(preset.name for preset in PRESETS)}")
