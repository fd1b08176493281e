"""The machine beneath: whole files, caches, identities, the ambient settings, the stopwatch."""
