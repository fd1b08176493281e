"""Runs: a request is resolved and planned, networks are trained, cases are measured and recorded."""
