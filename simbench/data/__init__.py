"""Data that users hand over: arrays, tensors, loaders and dicts, read once into the splits of a data set."""
