"""Ways to find an affine stitch."""
