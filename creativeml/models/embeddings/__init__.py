"""Models that give symbols of drum patterns a place in a space."""
