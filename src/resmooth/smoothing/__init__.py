"""From noisy votes to guarantees: sampling counts, bounding probabilities, certifying radii."""
