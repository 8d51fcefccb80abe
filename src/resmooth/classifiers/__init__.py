"""What is smoothed: base classifiers built from other classifiers."""
