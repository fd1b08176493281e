"""One HTML page of results, and public functions that draw its figures."""
