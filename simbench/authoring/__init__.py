"""Authoring: an index from a plain function, and complete packages to start from."""
