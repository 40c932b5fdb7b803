"""Simulated truth against what is booked, tested."""
