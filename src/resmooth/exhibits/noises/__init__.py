"""The notes on alternative noises, masking and loss estimators."""
