"""Sources of models and data sets."""
