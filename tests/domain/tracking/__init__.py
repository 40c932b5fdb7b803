"""Tracking, tested."""
