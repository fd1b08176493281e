"""From a case to its numbers: activations, stitched networks, the bench."""
