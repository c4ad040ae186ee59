"""Models that learn by reconstructing sounds."""
