"""Statistics of data frames: grids, resampling, estimates, correlations, and the leaderboard."""
