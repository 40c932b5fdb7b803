"""The arithmetic, tested."""
