"""This machine, tested."""
