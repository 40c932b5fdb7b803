"""Orders into daily line schedules."""
