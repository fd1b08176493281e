"""Data frames only: grids, resampling, estimates, correlations, boards."""
