"""Base classifiers: ensembles of networks, and networks read from checkpoints or rewritten for fast inference."""
