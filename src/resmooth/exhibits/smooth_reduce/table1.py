"""Average certified radii and abstentions on CIFAR-10.

Smooth-Reduce, Table 1: Smooth-Max and Smooth-Mean over four patches, on networks of SmoothAdv and MACER, against other methods.
The printed ACRs beside what the certified accuracies of Table 3 allow under both definitions; then the same table of this run,
with the radius as published (R) beside the certified one (R / L), paired over the images, and the network evaluations of each.
"""

from __future__ import annotations

from resmooth.exhibits.smooth_reduce._acr_table import AcrTable, here, summary, table
from resmooth.exhibits.smooth_reduce._acr_table_drawing import draw
from resmooth.exhibits.smooth_reduce._acr_table_findings import of_cifar as findings
from resmooth.exhibits.smooth_reduce._printed import CIFAR

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]

ACRS = AcrTable("table1", CIFAR, several=False)
needs, compute = ACRS.needs, ACRS.compute
