"""What Prometheus and Grafana need to watch an installation, made from the catalogue and the overview's judge.

`terms` expressions, `objectives` their rules, `alerts` what somebody is told, `panels`, `overview` and `details` what
Grafana shows, `written` the files.
"""

from __future__ import annotations

from customer_sync.operate.monitoring.written import Place, files

__all__ = ["Place", "files"]
