"""The figures: what dashboard, API, metrics and command line tell of the whole installation, read in one go.

`parts` what is told, `watched` what is looked at beside the numbers, `read` where it comes from, `faults` what can be
wrong, `verdict` all of it, the worst first, `telling` makes alerts of it.
"""

from __future__ import annotations

from customer_sync.operate.figures.faults import Verdict
from customer_sync.operate.figures.parts import Figures, Group, iso
from customer_sync.operate.figures.read import figures_without_redis, parked_groups, read_figures
from customer_sync.operate.figures.verdict import findings, judge

__all__ = [
    "Figures",
    "Group",
    "Verdict",
    "figures_without_redis",
    "findings",
    "iso",
    "judge",
    "parked_groups",
    "read_figures",
]
