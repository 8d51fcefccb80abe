"""The lecture: CERTIFY, PREDICT, confidence bounds, and its table of noise levels."""
