"""The figures: what dashboard, API, metrics and command line tell of the whole installation, read in one go.

`parts` what is told, `read` where it comes from, `verdict` all of it in one sentence.
"""

from __future__ import annotations

from customer_sync.operate.figures.parts import Figures, Group, iso
from customer_sync.operate.figures.read import figures_without_redis, parked_groups, read_figures
from customer_sync.operate.figures.verdict import Verdict, judge

__all__ = ["Figures", "Group", "Verdict", "figures_without_redis", "iso", "judge", "parked_groups", "read_figures"]
