"""Training base classifiers under noise: one loop (loop.py), one objective in each file that objectives.py lists."""
