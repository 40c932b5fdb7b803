"""Simulators, tested."""
