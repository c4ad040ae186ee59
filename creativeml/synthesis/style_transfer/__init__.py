"""A sound in the style of another: `from creativeml.synthesis.style_transfer.engine import transfer`."""
