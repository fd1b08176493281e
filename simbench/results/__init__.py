"""The results folder: records, tables, text, figures."""
