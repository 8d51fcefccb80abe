"""Certified accuracy at each radius on ImageNet.

Smooth-Reduce, Table 4: 8 and 16 patches on two networks. The printed accuracies, and what they imply for an image of 256 pixels,
their radii divided by the square root of the number of patches; then, of this run, the first network for every number of patches.
"""

from __future__ import annotations

from resmooth.exhibits.smooth_reduce import table2
from resmooth.exhibits.smooth_reduce._accuracy_table import AccuracyTable, here, table
from resmooth.exhibits.smooth_reduce._accuracy_table_drawing import draw
from resmooth.exhibits.smooth_reduce._accuracy_table_findings import of_imagenet as findings

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]

_TABLE = AccuracyTable("table4", table2.ACRS)
needs, compute = _TABLE.needs, _TABLE.compute
