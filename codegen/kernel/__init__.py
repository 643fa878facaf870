"""Compares the table with a kernel's header, and adopts what is new."""
