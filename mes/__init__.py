"""The heart of Takt: what a plant is, what may be done in it, and what is kept."""
