"""The slides on input-dependent randomized smoothing."""
