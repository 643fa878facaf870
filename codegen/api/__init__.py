"""Reads what the handwritten headers declare, for those who cannot include them."""
