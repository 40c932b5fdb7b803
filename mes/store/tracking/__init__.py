"""Booked rows: only the tracker comes here."""
