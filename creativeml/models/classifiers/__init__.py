"""Networks that name what they hear."""
