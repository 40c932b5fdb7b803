"""Everything Takt promises, tried on real parts."""
