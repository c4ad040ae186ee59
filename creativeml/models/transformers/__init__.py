"""Networks from sequences to sequences."""
