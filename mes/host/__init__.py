"""This machine: the programs Takt runs on it, fetched, started, watched and stopped."""
