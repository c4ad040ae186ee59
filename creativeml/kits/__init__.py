"""Drum kits: one model of a kit, many files that samplers read; patterns, and what plays them."""
