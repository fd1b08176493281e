"""Topological similarity indices: rtd, persistence, imd."""
