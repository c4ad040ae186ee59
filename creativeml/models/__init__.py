"""Every network of the library, by name: `list()`, `build(name, **overrides)`, `from_pretrained(folder)`."""

from creativeml.models.checkpoint import from_pretrained, save_pretrained
from creativeml.models.registry import build, list, register

__all__ = ["build", "from_pretrained", "list", "register", "save_pretrained"]
