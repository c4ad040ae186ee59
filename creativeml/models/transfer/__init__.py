"""Networks whose statistics are the style of a sound."""
