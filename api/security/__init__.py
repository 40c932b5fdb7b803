"""Who calls, and whether they may: keys, sessions, terminals, and the guard on every route."""
