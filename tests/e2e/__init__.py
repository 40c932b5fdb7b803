"""The whole plant, end to end."""
