"""Executors, with the interface of concurrent.futures."""
