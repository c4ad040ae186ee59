"""Models with an exact likelihood: invertible maps of sounds to independent latents."""
