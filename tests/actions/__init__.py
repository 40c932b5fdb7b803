"""Deeds on a real database."""
