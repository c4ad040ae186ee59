"""Models that take mixtures of sounds apart."""
