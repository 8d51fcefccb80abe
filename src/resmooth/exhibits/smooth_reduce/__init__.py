"""The paper on Smooth-Reduce."""
