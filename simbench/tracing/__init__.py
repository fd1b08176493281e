"""Any network, run as it is: its inputs, the outputs of its layers, and what their axes mean."""
