"""Statistics of certificates: metrics, intervals, class-wise spread, and what an interval decides. No torch, no scipy.stats."""

from resmooth.stats import decisions, intervals, metrics, spread

__all__ = ["decisions", "intervals", "metrics", "spread"]
