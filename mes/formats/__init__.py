"""Bytes <-> our documents."""
