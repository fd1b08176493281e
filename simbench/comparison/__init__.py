"""Similarity from Python: two arrays, or all layers of two networks."""
