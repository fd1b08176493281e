"""Two networks compared whole: `simbench compare`, and `simbench.compare` for networks and data in memory."""
