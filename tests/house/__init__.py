"""The house is tidy, tested."""
