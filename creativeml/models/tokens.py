"""What all networks of tokens agree on."""

PADDING = 0
"""The token for "nothing here", with which short sequences are filled up."""
