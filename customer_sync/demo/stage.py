"""The shops of the demo: the stand-ins that the platforms' folders hold, as processes and in tajo.yaml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import connectors
from customer_sync.kit.fakes.part import Part
from customer_sync.registry import platforms

_HEAD: Final = """\
# Written by `tajo demo`. Its shops are stand-ins on this machine: only `tajo demo` starts them.
"""
_SKILLS: Final = """\
skills:
  customer-sync:
    enabled: true
    field_mapping:
      email: email
      firstName: FIRSTNAME
      lastName: LASTNAME
      phone: SMS
      city: CITY
      country: COUNTRY
      totalOrders: TOTAL_ORDERS
      totalSpent: TOTAL_SPENT
      lastOrderDate: LAST_ORDER_DATE
    options:
      list_id: 2
  order-events:
    enabled: true
  product-catalog:
    enabled: true
  cart-events:
    enabled: true
  # a demo has no hour to wait; 1 is a template of the sandbox
  abandoned-cart:
    enabled: true
    detection: {inactivity_threshold: 1m}
    sequence:
      - {delay: 1m, template_id: 1}
      - {delay: 5m, template_id: 1, subject: Your cart is waiting}
"""


def parts() -> Mapping[str, Part]:
    """Return what each stand-in brings to the demo: platform → part, in alphabetical order."""
    names = [f"{connectors.__name__}.{platform}.fake" for platform in platforms()]
    found = {name: f"{name}.part" for name in names if _exists(name) and _exists(f"{name}.part")}
    return {name.split(".")[1]: import_module(part).PART for name, part in found.items()}


def command(platform: str, part: Part, port: int) -> list[str]:
    """Return the command line of a stand-in."""
    module = f"{connectors.__name__}.{platform}.fake"
    return [sys.executable, "-W", "ignore", "-m", module, "--port", str(port), *part.options]


def config(ports: Mapping[str, int], public_url: str) -> str:
    """Return the demo's tajo.yaml.

    Args:
        ports: platform → where its stand-in listens.
        public_url: how the stand-ins reach the service.
    """
    lines = [_HEAD, f"public_url: {public_url}\n", "connectors:\n"]
    for platform, part in parts().items():
        keys = {**part.source, "base_url": f"http://127.0.0.1:{ports[platform]}"}
        lines += [f"  {platform}:\n", *(f"    {name}: {value}\n" for name, value in keys.items())]
        # the demo makes the webhooks itself, as soon as the service answers
        lines.append("    schedule: {webhooks: off}\n")
    return "".join([*lines, _SKILLS])


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it is not there
        return False
