"""The blog on variance-reduced classifiers: ensembles under noise."""
