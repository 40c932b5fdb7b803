"""`mes bench`: measures the product from outside, beside ceilings and peers in the same run."""
