"""Models that learn from groups which they find themselves."""
