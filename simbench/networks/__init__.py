"""Networks that simbench makes: their inputs, the cut, folding, training, weights and identity."""
