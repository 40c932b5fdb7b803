"""HTTP, and nothing that decides."""
