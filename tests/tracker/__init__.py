"""The bookkeeper, tested."""
