"""Plans in the database, tested."""
