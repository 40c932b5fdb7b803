"""The door, tested."""
