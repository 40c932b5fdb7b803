"""Tests of the benches' own parts: plants, published problems, rivals."""
