"""Certified accuracy at each radius on CIFAR-10.

Smooth-Reduce, Table 3. The printed accuracies as they stand, and what they imply for the image, their radii divided by L = 2.255
of four patches with noise of their own; then those of this run, at radii that fit it, for every method of its table of ACRs.
"""

from __future__ import annotations

from resmooth.exhibits.smooth_reduce import table1
from resmooth.exhibits.smooth_reduce._accuracy_table import AccuracyTable, here, table
from resmooth.exhibits.smooth_reduce._accuracy_table_drawing import draw
from resmooth.exhibits.smooth_reduce._accuracy_table_findings import of_cifar as findings

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]

_TABLE = AccuracyTable("table3", table1.ACRS)
needs, compute = _TABLE.needs, _TABLE.compute
