"""Perceptual descriptors of sounds."""
