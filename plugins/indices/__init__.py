"""Similarity indices."""
