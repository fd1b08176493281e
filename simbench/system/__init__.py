"""The process and its machine: atomic files, the cache, hashes of code and data, process settings, the stopwatch."""
