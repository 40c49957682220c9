"""Acme CRM: the connector of `acme-crm.yaml`. A file of your own needs no such module: it lies beside `tajo.yaml`."""

from __future__ import annotations

from pathlib import Path

from customer_sync.custom import connector_of_file

_HERE = Path(__file__).parent

CONNECTOR = connector_of_file(_HERE / "acme-crm.yaml", _HERE / "fixtures")
CONNECTOR.is_example = True
