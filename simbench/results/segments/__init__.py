"""Segments: finished records packed into checksummed Parquet files, beside records in files of their own."""
