"""Material, tested."""
