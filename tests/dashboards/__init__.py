"""Images and stream, tested."""
