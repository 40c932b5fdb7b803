"""Reads for screens, topics and exports: one file per page, no writes."""
