"""Reads ops.yaml and turns it into a checked, frozen model."""
