"""Faults that come together, and last: `make chaos`."""
