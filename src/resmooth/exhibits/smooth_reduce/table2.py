"""Average certified radii and abstentions on ImageNet.

Smooth-Reduce, Table 2: Smooth-Max and Smooth-Mean over 16 patches against other methods; which row of Table 4 is behind an ACR is
not said, so every one that may be is shown. Then, of this run, the first network with patches for every number of patches: radius
as published (R) and certified (R / L), paired over the images.
"""

from __future__ import annotations

from resmooth.exhibits.smooth_reduce._acr_table import AcrTable, here, summary, table
from resmooth.exhibits.smooth_reduce._acr_table_drawing import draw
from resmooth.exhibits.smooth_reduce._acr_table_findings import of_imagenet as findings
from resmooth.exhibits.smooth_reduce._printed import IMAGENET

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]

ACRS = AcrTable("table2", IMAGENET, several=True)
needs, compute = ACRS.needs, ACRS.compute
