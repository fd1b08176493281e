"""Reading the layers of any network: its inputs, the outputs of its layers, and the meaning of their axes."""
