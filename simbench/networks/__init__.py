"""Networks: trained, loaded, cut into front and end, and folded.

`inputs` draws, normalises and augments the inputs; `training` trains a network from a recipe; `weights` and
`checkpoints` cache and load its parameters; `stages`, `cut` and `fold` divide a network into named stages and make
parts of it fast; `graphs` and `architectures` identify the computation of a network independently of its parameters.
"""
