"""Renders the model: C, manual pages, JSON."""
