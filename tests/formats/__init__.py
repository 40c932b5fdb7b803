"""Bytes and our documents."""
