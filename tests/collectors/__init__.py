"""The mouths, tested."""
