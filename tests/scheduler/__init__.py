"""The solver, tested."""
