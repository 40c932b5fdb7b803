"""Everything someone may do: one function, one deed, inside the caller's transaction; never commits."""
