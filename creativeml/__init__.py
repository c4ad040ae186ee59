"""creativeml: design sounds, first of all drum sounds, with neural networks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creativeml import models
    from creativeml.audio.descriptors.registry import describe
    from creativeml.synthesis.generate import Instrument, load

__version__ = "0.2.0"
__all__ = ["Instrument", "__version__", "describe", "load", "models"]

# Names are resolved on first use: `creativeml --help` must not wait for torch.
_HOMES = {
    "load": "creativeml.synthesis.generate",
    "Instrument": "creativeml.synthesis.generate",
    "describe": "creativeml.audio.descriptors.registry",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "models":
        return importlib.import_module("creativeml.models")
    raise AttributeError(f"module 'creativeml' has no attribute '{name}'")
