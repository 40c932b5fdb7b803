"""What a plant is and how it is reckoned: pure arithmetic, no I/O, no clock, no framework."""
