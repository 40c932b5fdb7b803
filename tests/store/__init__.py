"""The cellar, tested."""
