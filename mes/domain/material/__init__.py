"""Material: what pieces used up, what is left where, when it runs out, and what will be missing."""
